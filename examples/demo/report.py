"""
How the demo is told, in 80 to 100 columns, on a terminal or not. It prints what it is given, no more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from examples.demo.accounting import Finding, Losses
from examples.demo.scenes import Scene, Step
from examples.demo.sink_books import SinkBooks
from examples.demo.timeline import Timeline

__all__ = ["Report"]

NARROWEST, WIDEST, WITHOUT_TERMINAL = 80, 100, 96
LONGEST_STEP, LONGEST_LINE, LONGEST_LOG = 220, 250, 200
# The modules of exceptions, and where on this machine exchange and file are.
NOISE = re.compile(r"\b(?:\w+\.)+(?=\w+: )|https?://[^/\s]+|/\S+\.db: ")

NEW, OLD = "poslife", "old way"


class Report:
    """
    Prints the demo as it goes.
    """

    def __init__(self) -> None:
        console = Console(highlight=False, emoji=False)
        told = console.is_terminal or "COLUMNS" in os.environ
        wanted = console.width if told else WITHOUT_TERMINAL
        console.width = max(NARROWEST, min(WIDEST, wanted))
        self._console = console

    def begin(self, *, store: str, ccxt: str) -> None:
        """
        Say what this is.
        """
        self._console.print()
        self._console.print(
            Text.assemble(
                ("poslife demo", "bold"), ": what a bot holds, at every moment and after every crash"
            )
        )
        self._console.print()
        self._indented(
            Text(
                f"Two bots get the same signals. Each trades through the real ccxt client ({ccxt}) at a "
                "simulated Bybit of its own on this machine. The same orders are refused, the same answers "
                "are lost, their database goes away, and both are killed at the same moments."
            )
        )
        self._console.print()
        table = Table.grid(padding=(0, 2))
        table.add_row(Text(NEW, "green"), "a small bot on poslife")
        table.add_row(
            Text(OLD, "yellow"), 'the usual way: id="pending", an event queue, errors that are logged'
        )
        table.add_row(Text("store", "dim"), store)
        self._indented(table)

    def scene(self, number: int, scene: Scene, new: Sequence[Step], old: Sequence[Step], remark: str) -> None:
        """
        Tell what both bots made of a scene.
        """
        self._console.print()
        self._console.print(Text(f"{number}  {scene.title}", "bold"))
        if scene.seen:
            self._indented(Text(scene.seen, "dim italic"))
        table = Table.grid(padding=(0, 2))
        table.add_column(width=16)
        table.add_column(width=7)
        table.add_column(width=10)
        table.add_column()
        for ours, theirs in zip(new, old, strict=True):
            table.add_row(ours.asked, Text(NEW, "green"), Text(ours.did.outcome, "bold green"), _told(ours))
            found = Text(_found(ours, theirs), "dim")
            table.add_row(found, Text(OLD, "yellow"), Text(theirs.did.outcome, "bold yellow"), _told(theirs))
        self._indented(table)
        if remark:
            self._indented(Text(remark, "dim"))

    def timelines(self, timelines: Sequence[Timeline]) -> None:
        """
        Print every position's life.
        """
        self._section(
            "What poslife can prove",
            "Every position from its first intention on, those that came to nothing included. A line is one "
            "transaction: the change and its events. A line with a dot is an event of the bot's own.",
        )
        for timeline in timelines:
            self._console.print()
            self._console.print(Text.assemble((timeline.title, "bold"), "  ", (timeline.now, "cyan")))
            table = Table.grid(padding=(0, 1))
            table.add_column(width=8, justify="right", style="dim")
            table.add_column(width=1)
            table.add_column()
            for line in timeline.lines:
                by = Text(f" [{line.by}]", "magenta") if line.by else Text()
                told = Text(_shortened(line.told, LONGEST_LINE), "dim" if line.own else "")
                table.add_row(f"+{line.after:.3f}", "·" if line.own else "", told + by)
            self._console.print(table)

    def old_way(self, *, losses: Losses, wrong: Sequence[str], log: Sequence[str]) -> None:
        """
        Tell what the old way has lost.
        """
        self._section(
            "What the old way lost", "It ran for real, on the same store. What it logged, and went on:"
        )
        table = Table.grid(padding=(0, 2))
        for line in log:
            at, _, said = line.split(" ", 2)
            table.add_row(Text(at, "dim"), Text(_shortened(said, LONGEST_LOG), "yellow"))
        self._indented(table)
        self._console.print()
        table = Table.grid(padding=(0, 2))
        if losses.total:
            kinds = ", ".join(f"{times} {kind}" for kind, times in losses.kinds)
            table.add_row(
                Text("lost", "bold red"),
                f"{losses.total} events, {losses.good} of them without a fault: {kinds}",
            )
        for sentence in wrong:
            table.add_row(Text("wrong", "bold red"), sentence)
        self._indented(table)

    def accounts(self, new: Sequence[Finding], old: Sequence[Finding]) -> None:
        """
        Print the accounts of both.
        """
        self._section(
            "The accounts",
            "Each bot's tables, read with plain SQL, against what the bot emitted and its exchange did.",
        )
        table = Table(box=None, padding=(0, 2, 0, 0), expand=False, header_style="dim")
        table.add_column("")
        table.add_column(NEW)
        table.add_column(OLD)
        for ours, theirs in zip(new, old, strict=True):
            table.add_row(ours.what, _cell(ours), _cell(theirs))
        self._indented(table)

    def sink(self, books: SinkBooks, *, sound: bool) -> None:
        """
        Print what poslife's sink counted, life by life.
        """
        self._section(
            "The sink's own books",
            "What poslife's sink counted when it was last asked: right after the last event that a life "
            "recorded before its SIGKILL, or at the end. What waited then, the next life recovered. Each "
            "event goes to the database and, by a second writer, to a file, which refuses nothing.",
        )
        table = Table(box=None, padding=(0, 1, 0, 0), expand=False, header_style="dim")
        for head in (
            "life",
            "writer",
            "emitted",
            "+ recovered",
            "= stored",
            "+ dead",
            "+ dropped",
            "+ waiting",
            "ended",
        ):
            table.add_column(head, justify="left" if head in {"writer", "ended"} else "right")
        for number, life in enumerate(books.lives, 1):
            ended = "shutdown" if life.death is None else life.death.signal
            for last in life.lasts:
                counted = (last.emitted, last.recovered, last.committed)
                left = (last.dead_lettered, last.dropped, last.backlog)
                table.add_row(str(number), last.writer, *map(str, counted + left), ended)
        self._indented(table)
        for holding in books.holdings.values():
            cut_off = f" + {holding.under_way} cut off by SIGKILL" if holding.under_way else ""
            letters = f"{holding.letters} dead letter{'' if holding.letters == 1 else 's'}"
            kept = f"{holding.rows} events + {letters} = {holding.rows + holding.letters}"
            self._indented(Text(f"{books.recorded} emitted{cut_off}; in {holding.what} {kept}."))
        self._indented(
            Text(
                f"The figures were asked for {books.moments} times, after each event: "
                f"{'they added up each time' if sound else 'see below what is wrong'}.",
                "" if sound else "red",
            )
        )

    def verdict(self, wrong: Sequence[str], *, seconds: float, kept: str) -> None:
        """
        Say how it ended.
        """
        self._console.print()
        if wrong:
            self._console.print(Text("poslife has got something wrong:", "bold red"))
            for sentence in wrong:
                self._console.print(Text(f"  {sentence}", "red"))
        else:
            self._console.print(Text("poslife: nothing lost, nothing twice, nothing wrong.", "bold green"))
        self._console.print(Text(f"{seconds:.1f} s. {kept}", "dim"))

    def _section(self, title: str, about: str) -> None:
        self._console.print()
        self._console.print(Rule(Text(title, "bold"), align="left", style="dim"))
        self._console.print(Text(about, "dim"))

    def _indented(self, what: Table | Text) -> None:
        self._console.print(Padding(what, (0, 0, 0, 3), expand=False))


def _told(step: Step) -> str:
    return _shortened(step.did.told, LONGEST_STEP)


def _found(*steps: Step) -> str:
    """
    What is there really: one word, where it is the same for both.
    """
    found = dict.fromkeys(step.found for step in steps)
    return f"{steps[0].where} {' | '.join(found)}" if steps[0].where else ""


def _cell(finding: Finding) -> Text:
    return Text(finding.found, "red" if finding.wrong else "")


def _shortened(text: str, longest: int) -> str:
    text = NOISE.sub("", " ".join(text.split()))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
