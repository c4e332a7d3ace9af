"""
What the demo prints: 80 to 100 columns, on a terminal or not.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.text import Text

from examples.demo.accounts import EVENTS, HELD, Account, Truth, symbol_at_venue
from examples.demo.books import OldBooks
from examples.demo.scenes import Play
from examples.demo.sink_books import Writer
from examples.demo.witness import Witnessed

NARROWEST, WIDEST = 80, 100
NEW, OLD = "poslife", "old way"
SINK = ("life", "writer", "emitted", "+ recovered", "= stored", "+ dead", "+ dropped", "+ waiting", "ended")
# The modules of exceptions, and where on this machine exchange and file are.
NOISE = re.compile(r"\b(?:\w+\.)+(?=[A-Z]\w+: )|https?://[^/\s]+|/\S+\.db: ")


class Result(NamedTuple):
    """
    What came of one bot.
    """

    truth: Truth
    books: OldBooks
    accounts: Sequence[Account]


class Report:
    """
    Prints the demo, in the order of its methods.
    """

    def __init__(self) -> None:
        console = Console(highlight=False, emoji=False)
        is_known = console.is_terminal or "COLUMNS" in os.environ
        console.width = max(NARROWEST, min(WIDEST, console.width if is_known else WIDEST))
        self._console = console

    def begin(self, *, database: str, ccxt: str) -> Status:
        """
        Say what this is. Returns a line that tells of progress, on a terminal.
        """
        self._console.print(Text("poslife demo: two trading bots, the same misfortunes\n", "bold"))
        self._console.print(
            f"Both trade with the real ccxt client ({ccxt}) at a simulated Bybit. One is on poslife, the "
            'other written the usual way: id="pending", an event queue, errors that are only logged. '
            "Orders are refused, answers are lost, the database goes away, and both bots are killed twice. "
            "Then the books of each are compared with what it recorded, and with its exchange."
        )
        self._console.print(Text(f"{database}\n", "dim"))
        return self._console.status("")

    def verdict(self, wrong: Sequence[str], old: Result) -> None:
        if wrong:
            self._console.print(Text(f"{NEW}: something is lost or wrong", "bold red"))
            for sentence in wrong:
                self._indented(Text(sentence, "red"))
        else:
            self._console.print(Text(f"{NEW}: nothing lost, nothing doubled, nothing wrong", "bold green"))
        events, held = (next(one for one in old.accounts if one.what == what) for what in (EVENTS, HELD))
        amiss = len(held.lost) + len(held.wrong)
        events_lost = f"{len(events.lost):,} of {events.total:,} events lost"
        self._console.print(
            Text(f"{OLD}: {events_lost}, {amiss} of {held.total} positions wrong", "bold yellow")
        )

    def accounts(self, new: Result, old: Result) -> None:
        table = self._section("The accounts: the tables of each bot, read with plain SQL")
        for bot in (NEW, OLD):
            table.add_column("", no_wrap=True)
            for head in (f"{bot}\ntotal", "\nkept", "\nlost", "\nwrong"):
                table.add_column(head, justify="right", min_width=5)
        for ours, theirs in zip(new.accounts, old.accounts, strict=True):
            table.add_row(ours.what, *_figures(ours), "  ", *_figures(theirs))
        self._indented(table)

    def scenes(self, plays: Sequence[Play], new: Result, old: Result) -> None:
        table = self._section("The scenes: what the books hold at the end, and how many events are lost")
        for head in ("", ""):
            table.add_column(head)
        for head in (f"{NEW}\nholds", "\nlost", f"{OLD}\nholds", "\nlost"):
            table.add_column(head, justify="right", min_width=7, no_wrap=True)
        for number, play in enumerate(plays, 1):
            table.add_row(str(number), _titled(play), *_left(play, NEW, new), *_left(play, OLD, old))
        self._indented(table)

    def timelines(self, timelines: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        self._section(
            "What poslife can prove: a line for each transaction, with a dot for the bot's own events"
        )
        for title, lines in timelines:
            self._console.print(Text(f"\n{title}", "bold"))
            table = Table.grid(padding=(0, 1))
            for after, events in lines:
                table.add_row(Text(after, "dim"), Text(_shortened(events), "dim" if events[0] == "." else ""))
            self._indented(table)

    def old_way(self, old: Result, log: Sequence[str]) -> None:
        self._section("What the old way lost, and what it logged")
        lost = old.truth.lost(old.books)
        good = sum(not event.about or event.about.isdigit() for event in lost)
        counts = Counter(event.kind for event in lost).most_common()
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts)
        table = Table.grid(padding=(0, 2))
        table.add_row(Text("lost", "red"), f"{len(lost)} events, {good} of them without a fault: {kinds}")
        for line in log:
            at, _, message = line.split(" ", 2)
            table.add_row(Text(at, "dim"), Text(_shortened(message), "yellow"))
        self._indented(table)

    def sink(self, lives: Sequence[Witnessed], writers: Mapping[str, Writer]) -> None:
        table = self._section("The sink's books: its last figures in each life of the bot, for each writer")
        for head in SINK:
            table.add_column(head, justify="left" if head in {"writer", "ended"} else "right")
        for number, life in enumerate(lives, 1):
            for last in life.last_stats:
                came = last.emitted, last.recovered, last.committed
                left = last.dead_lettered, last.dropped, last.backlog
                ended = "shutdown" if life.ended else "SIGKILL"
                table.add_row(str(number), last.name, *map(str, came + left), ended)
        self._indented(table)
        recorded = sum(len(life.emitted) for life in lives)
        for name, writer in writers.items():
            self._indented(
                f"{name}: {recorded} emitted + {writer.cut_off} cut off by SIGKILL = "
                f"{writer.rows} events + {writer.letters} dead letters"
            )

    def end(self, *, seconds: float, within: float | None, left: str) -> None:
        self._console.print()
        self._console.print(Text(f"{seconds:.1f} s. {left} More: --full, --help.", "dim"))
        if within is not None and seconds > within:
            self._console.print(Text(f"It took {seconds:.1f} s, and may take {within:g} s.", "bold red"))

    def _section(self, title: str) -> Table:
        """
        Print a heading, and return a table to fill.
        """
        self._console.print()
        self._console.print(Text(title, "bold"))
        return Table(box=None, padding=(0, 1, 0, 0), header_style="dim")

    def _indented(self, what: Table | Text | str) -> None:
        self._console.print(Padding(what, (0, 0, 0, 2), expand=False))


def _figures(account: Account) -> tuple[Text | str, ...]:
    if account.kept is None:
        return (f"{account.total:,}" if account.total else "-", "-", "-", "-")
    return (
        f"{account.total:,}",
        f"{account.kept:,}",
        *(_red(f"{len(faults):,}", bool(faults)) for faults in (account.lost, account.wrong)),
    )


def _left(play: Play, bot: str, result: Result) -> tuple[Text, Text]:
    """
    Return what the books hold of a scene's symbol, and how many of its events are lost.
    """
    books = result.books.held.get(play.scene.symbol, Decimal(0))
    exchange = result.truth.held.get(symbol_at_venue(play.scene.symbol), Decimal(0))
    held = f"{books:f}" if books else "none" if play.scene.symbol else ""
    if books != exchange:
        held += f", not {exchange:f}"
    lost = {event.event for event in result.truth.lost(result.books)}
    count = sum(event.event in lost for event in result.truth.emitted[play.emitted[bot]])
    return _red(held, books != exchange), _red(f"{count:,}", count > 0)


def _red(text: str, is_wrong: bool) -> Text:  # noqa: FBT001 - what the text is about
    return Text(text, "bold red" if is_wrong else "")


def _titled(play: Play) -> str:
    name = play.scene.symbol.partition("/")[0]
    return f"{name}: {play.scene.title}" if name else play.scene.title


def _shortened(text: str) -> str:
    text = NOISE.sub("", " ".join(text.split()))
    return text if len(text) <= 220 else f"{text[:217]}..."
