"""The command line: parsing only. Exit status 0 is fine, 1 an error the user can act on, 2 wrong usage."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embeddings.errors import PinciteError

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.settings import Settings

# Commands whose modules are only imported when they are called, with their line in `pincite --help`.
_LAZY = {"eval": ("eval.cli", "eval_command", "Measure answers on a data set.")}


class PinciteGroup(click.Group):
    """A group whose help imports no command's module, and whose errors are one sentence, never a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, the lazy ones too."""
        return sorted([*super().list_commands(ctx), *_LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if it is a lazy one."""
        if cmd_name not in _LAZY:
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = _LAZY[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing the lazy ones."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.commands.get(name)
            rows.append((name, command.get_short_help_str(90) if command is not None else _LAZY[name][2]))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=PinciteGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pincite", prog_name="pincite")
def pincite() -> None:
    """Ask a folder of documents a question: get the exact words that answer it, pinned to where they stand.

    Without --docs and --index the documents are those in seeds/.
    """


def sources(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which documents are asked, and with which settings."""
    for option in reversed(
        [
            click.option("--docs", "-d", "docs", metavar="PATH", multiple=True, help="File or folder; repeatable."),
            click.option("--index", "-i", "index", metavar="DIR", help="Index to ask, or with --docs to keep it in."),
            click.option("--config", metavar="FILE", help="Settings file in the place of ./pincite.toml."),
        ]
    ):
        command = option(command)
    return command


@pincite.command("index")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--index", "-i", "index", required=True, metavar="DIR", help="Where the index lies.")
@click.option("--config", metavar="FILE", help="Settings file in the place of ./pincite.toml.")
@click.option("--keep", is_flag=True, help="Keep documents whose files vanished from the folders.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def index_command(paths: tuple[str, ...], index: str, config: str | None, keep: bool, as_json: bool) -> None:
    """Add or refresh documents."""
    from qa import terminal
    from qa.index_cache import index_paths

    with terminal.progress() as shown:
        report = index_paths(paths, index, settings=_settings(config), prune=not keep, progress=shown)
    if as_json:
        _print_json(terminal.report_json(report))
    else:
        terminal.print_report(report, index)


@pincite.command("ask")
@click.argument("question")
@sources
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON and nothing else.")
@click.option("--top-k", type=int, metavar="N", help="Passages read.")
@click.option("--retrieval", metavar="KIND", help="hybrid, lexical or dense.")
@click.option("--threshold", type=float, metavar="P", help="Confidence needed to answer, 0 to 1.")
@click.option("--document", "documents", multiple=True, metavar="NAME", help="Search only this one; can be repeated.")
def ask_command(
    question: str,
    docs: tuple[str, ...],
    index: str | None,
    config: str | None,
    as_json: bool,
    top_k: int | None,
    retrieval: str | None,
    threshold: float | None,
    documents: tuple[str, ...],
) -> None:
    """Answer a question with exact quotations."""
    from qa import terminal

    with open_assistant(docs, index, config) as assistant:
        answer = assistant.ask(
            question, top_k=top_k, retrieval=retrieval, threshold=threshold, documents=list(documents) or None
        )
        if as_json:
            _print_json(answer.to_json())
        else:
            terminal.print_answer(answer, assistant.document)


@pincite.command("chat")
@sources
def chat_command(docs: tuple[str, ...], index: str | None, config: str | None) -> None:
    """Ask and follow up in the terminal."""
    from qa import terminal

    with open_assistant(docs, index, config) as assistant:
        terminal.chat(assistant)


@pincite.command("serve")
@sources
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=7860, show_default=True, help="Port to listen on.")
@click.option("--auth", metavar="USER:PASSWORD", help="Ask for a login.")
@click.option("--mcp", is_flag=True, help="Serve the assistant as MCP tools too.")
def serve_command(
    docs: tuple[str, ...],
    index: str | None,
    config: str | None,
    host: str,
    port: int,
    auth: str | None,
    mcp: bool,
) -> None:
    """Open the page in a browser."""
    login = _login(auth)
    _check_port(host, port)
    launch = importlib.import_module("ui.app").launch
    with open_assistant(docs, index, config) as assistant:
        launch(assistant, host=host, port=port, auth=login, mcp=mcp)


@pincite.command("doctor")
@click.option("--index", "-i", "index", metavar="DIR", help="Index to check too.")
@click.option("--config", metavar="FILE", help="Settings file in the place of ./pincite.toml.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor_command(index: str | None, config: str | None, as_json: bool) -> None:
    """Check the installation, and an index; each failed check names the command that fixes it."""
    from qa import terminal
    from qa.doctor import examine

    checks = examine(Path(index) if index is not None else None, lambda: _settings(config))
    if as_json:
        _print_json([check.to_json() for check in checks])
    else:
        terminal.print_checks(checks)
    if not all(check.passed for check in checks):
        raise SystemExit(1)


def open_assistant(docs: Sequence[str], index: str | None, config: str | None = None) -> Assistant:
    """Return the assistant that ``--docs``, ``--index`` and ``--config`` ask for; neither given means seeds/."""
    from qa import terminal
    from qa.assistant import Assistant

    settings = _settings(config)
    if index is not None and not docs:
        return Assistant.open(index, settings=settings)
    paths = list(docs) if docs else [default_documents()]
    with terminal.progress() as shown:
        return Assistant.from_documents(paths, index=index, settings=settings, progress=shown)


def default_documents() -> Path:
    """Return seeds/ of the working directory, or else of the repository."""
    for folder in (Path("seeds"), Path(__file__).resolve().parent.parent / "seeds"):
        if folder.is_dir():
            return folder
    raise PinciteError(
        "There is no folder seeds/ here.", "Name documents with `--docs PATH` or an index: `--index DIR`."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    # Set before any library is imported: they neither ask the network nor write their own progress bars.
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        status = pincite.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except PinciteError as error:
        _fail(str(error), 1)
    except click.exceptions.NoArgsIsHelpError as error:
        _fail(error.format_message(), 2, prefix="")
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "pincite"
        _fail(f"{error.format_message()} See `{command} --help`.", 2)
    except click.ClickException as error:
        _fail(error.format_message(), 1)
    except (click.Abort, KeyboardInterrupt):
        _fail("Stopped.", 1, prefix="")
    except BrokenPipeError:  # the reader of a pipe, such as `head`, went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except MemoryError:
        _fail("There is not enough memory. Ask fewer passages at once with `--top-k`.", 1)
    except OSError as error:
        where = f" {error.filename!r}" if error.filename is not None else ""
        _fail(f"The system refused{where}: {error.strerror or error}. Check the path, its permissions and the disk.", 1)
    raise SystemExit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int, prefix: str = "Error: ") -> None:
    from qa.questions import printable

    click.echo(prefix + (printable(message) if prefix else message), err=True)
    raise SystemExit(status)


def _settings(config: str | None) -> Settings:
    from qa.settings import Settings

    return Settings.load(config)


def _login(auth: str | None) -> tuple[str, str] | None:
    if auth is None:
        return None
    user, colon, password = auth.partition(":")
    if not (colon and user and password):
        raise PinciteError("The login of --auth is not USER:PASSWORD.", "For example `--auth ann:a-long-secret`.")
    return user, password


def _check_port(host: str, port: int) -> None:
    """Raise PinciteError where nothing can listen, before documents are indexed for nothing."""
    import socket

    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise PinciteError(
            f"The page cannot be served at {host} port {port} ({error.strerror or error}).",
            "Choose another with `--port`, or stop the program that uses it.",
        ) from None


def _print_json(value: object) -> None:
    # ASCII with escapes: the same on every terminal's encoding, and no document can smuggle in a control sequence.
    click.echo(json.dumps(value, ensure_ascii=True))


if __name__ == "__main__":
    main()
