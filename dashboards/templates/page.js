(() => {
  "use strict";
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
    return true;
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]") || event.target === proof) return proof.close();
    const filter = event.target.closest("[data-filter]");
    if (filter) return choose(filter);
    if (proof.contains(event.target) || event.target.closest(".source, summary")) return;
    const link = event.target.closest("[data-open]");
    const claim = event.target.closest("[data-claim]");
    const id = link ? link.dataset.open : claim && claim.dataset.claim;
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
  document.querySelector(".filters").hidden = false;
})();
