"""`paygo`: joins the verbs of `orchestration.commands` and turns expected errors into messages.

Does not belong here: a verb. Each verb reads its arguments, calls one part, prints what it
gave; parts are imported inside the verbs, so that reading commands start fast.
"""

from __future__ import annotations

import sys

import typer

from orchestration.commands import (
    alerts,
    digest,
    drift,
    graph,
    metrics,
    models,
    pipeline,
    tickets,
    warehouse,
)
from orchestration.commands.common import fail
from orchestration.errors import PaygoError

app = typer.Typer(
    help="Metrics warehouse of a billing platform.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (pipeline, metrics, drift, digest, warehouse, models):
    app.add_typer(part.app)
app.add_typer(tickets.app, name="tickets")
app.add_typer(graph.app, name="graph")
app.add_typer(alerts.app, name="alerts")


def main() -> None:
    """Run the command line; expected errors become one message on stderr and exit code 1."""
    try:
        app()
    except PaygoError as error:
        fail(str(error))
    except BrokenPipeError:
        sys.exit(0)
    except KeyboardInterrupt:
        fail("interrupted; nothing was published. To do: start it again, it continues there.")
    except ImportError as error:
        if not (error.name or "").startswith(("orchestration", "dashboards", "expectations")):
            raise
        fail(f"a part of this installation is missing: {error}. To do: install it again.")


if __name__ == "__main__":
    main()
