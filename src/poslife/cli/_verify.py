"""
``poslife verify URL``: check the digest chain of a store's events.
"""

from __future__ import annotations

import asyncio

import click

from poslife._connect import store_at
from poslife.cli._exit_codes import FAULTS, unreadable_store
from poslife.events import TrailFault, TrailReport, verify_trail

__all__ = ["verify"]

_FAULTS_SHOWN = 20


@click.command()
@click.argument("url")
def verify(url: str) -> None:
    """
    Check the digest chain of a store's events.

    URL names the store: sqlite:///bot.db or postgresql://user@host/database. Nothing is written, and the
    bot may be running.

    The exit status is 0 only if no event was altered and none is missing between two others, 1 if one was,
    and 3 if the store cannot be read.
    """
    with unreadable_store():
        store, report = asyncio.run(_verify(url))
    click.echo(store)
    click.echo(f"{report.life_events:,} life events, {report.host_events:,} host events")
    if report.dropped:
        click.echo(f"{report.dropped:,} host events dropped by the sink's policy, recorded as sink.gap")
    if report.erased:
        one = report.erased == 1
        click.echo(
            f"{report.erased:,} {'payload or piece' if one else 'payloads or pieces'} of evidence erased; "
            f"the {'header of its event is' if one else 'headers of their events are'} checked"
        )
    if report.unverified:
        events = "event has" if report.unverified == 1 else "events have"
        click.echo(
            f"not verified: {report.unverified:,} {events} a record format that this release does not know; "
            "use a newer release of poslife"
        )
    for purge in report.purges:
        click.echo(
            f"run {purge.run}: host events up to number {purge.upto:,} purged by {purge.by} "
            f"at {purge.at:%Y-%m-%d %H:%M} UTC: {purge.why}"
        )
    for fault in report.faults[:_FAULTS_SHOWN]:
        click.echo(f"{_place(fault)}{fault.what}")
    if not report.whole:
        faults = len(report.faults)
        click.echo(f"{faults:,} {'fault' if faults == 1 else 'faults'} in the digest chain")
        raise SystemExit(FAULTS)
    click.echo("OK: the digest chain is intact")


def _place(fault: TrailFault) -> str:
    if fault.event is None:
        return ""
    position = "" if fault.ref is None else f", position {fault.ref}"
    return f"event {fault.event}, run {fault.run}{position}: "


async def _verify(url: str) -> tuple[str, TrailReport]:
    """
    Return the store's description and its report.
    """
    store = store_at(url, None, reads_only=True)
    await store.open()
    try:
        return await store.describe(), await verify_trail(store)
    finally:
        await store.aclose()
