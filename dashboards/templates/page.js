(() => {
  "use strict";
  // Once the first screen is painted the rest of the page is laid out too.
  requestAnimationFrame(() => setTimeout(() => document.documentElement.classList.add("whole")));
  const proof = document.getElementById("proof");
  const body = document.getElementById("proof-body");
  const title = document.getElementById("proof-title");

  const open = (id) => {
    const source = document.getElementById("source-" + id);
    if (!source) return false;
    title.textContent = source.querySelector("summary span").textContent;
    const list = source.querySelector("dl").cloneNode(true);
    const name = document.createElement("p");
    name.className = "proof-id";
    name.textContent = id;
    body.replaceChildren(name, list);
    body.dataset.claim = id;
    if (!proof.open) proof.showModal();
    proof.scrollTop = 0;
    return true;
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]") || event.target === proof) return proof.close();
    const filter = event.target.closest("[data-filter]");
    if (filter) return choose(filter);
    const sort = event.target.closest("[data-sort]");
    if (sort) return order(sort);
    if (proof.contains(event.target) || event.target.closest(".source, summary")) return;
    const link = event.target.closest("a[href], button, select");
    const plain = link && !link.dataset.open && !link.dataset.claim;
    if (plain) return;
    const claim = link || event.target.closest("[data-claim]");
    const id = claim && (claim.dataset.open || claim.dataset.claim);
    if (id && open(id)) event.preventDefault();
  });

  const choose = (button) => {
    const wanted = button.dataset.filter;
    for (const other of button.parentElement.children) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    for (const row of document.querySelectorAll(".board tbody tr")) {
      row.hidden = wanted !== "all" && row.dataset[wanted] !== "yes";
    }
  };
  for (const bar of document.querySelectorAll(".filters")) bar.hidden = false;

  const order = (button) => {
    const head = button.closest("th");
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const rows = head.closest("table").tBodies[0];
    const text = (row) => row.cells[head.cellIndex].innerText.trim();
    const size = (said) => parseFloat(said.replace(/,/g, "").replace("−", "-"));
    const sorted = [...rows.rows].sort((a, b) => {
      const [x, y] = [size(text(a)), size(text(b))];
      const by = isNaN(x) || isNaN(y) ? text(a).localeCompare(text(b), "en") : x - y;
      return rising ? by : -by;
    });
    rows.append(...sorted);
  };
  for (const head of document.querySelectorAll(".board thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.sort = "";
    button.append(...head.childNodes);
    head.append(button);
  }

  // A link to a claim from elsewhere finds it behind its headings.
  const reveal = () => {
    const source = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = source; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (source && source.classList.contains("source")) source.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  const kept = document.getElementById("editions-data");
  if (!kept) return;
  const data = JSON.parse(kept.textContent);
  const form = document.querySelector(".compare");
  const place = document.getElementById("compared");
  const cell = (row, tag, content) => row.appendChild(document.createElement(tag)).append(content);
  const value = (claim, index) => {
    const said = data.figures[claim][index];
    if (said === null) return "–";
    const link = document.createElement("a");
    link.href = data.editions[index] + ".html#source-" + claim;
    link.textContent = said;
    return link;
  };
  const compare = () => {
    const [then, now] = [Number(form.elements.then.value), Number(form.elements.now.value)];
    const table = document.createElement("table");
    table.className = "changed";
    table.dataset.claim = "edition." + data.editions[now];
    const head = table.createTHead().insertRow();
    for (const name of ["Figure", "From", "To"]) {
      cell(head, "th", name);
      head.lastChild.scope = "col";
      if (name !== "Figure") head.lastChild.className = "num";
    }
    const rows = table.createTBody();
    for (const claim of Object.keys(data.figures)) {
      if (data.figures[claim][then] === data.figures[claim][now]) continue;
      const row = rows.insertRow();
      const code = document.createElement("code");
      code.textContent = claim;
      cell(row, "th", code);
      row.lastChild.scope = "row";
      for (const index of [then, now]) {
        cell(row, "td", value(claim, index));
        row.lastChild.className = "num";
      }
    }
    place.replaceChildren(rows.rows.length ? table : "These two editions show the same figures.");
    place.hidden = false;
    for (const other of document.querySelectorAll(".comparison")) other.hidden = true;
  };
  form.hidden = false;
  form.addEventListener("change", compare);
})();
