"""
``python -m examples.demo``: why the library exists, in a quarter of a minute.

Read in this order:

- `bot`: the bot, an example of how a host uses poslife; `wiring`: how its tracker is made.
- `old_way`: the same bot the usual way, after the report of the incident that poslife was written for.
- `scenes`: what happens to both bots' trades; `event_scenes`: to their events; `faults`: to the database.
- `stage`: where, a venue and a bot in a process that can be killed; `child`: that process; `new_bot`,
  `old_bot`: how it does what it is told; `words`: what it says of its events, and cannot take back.
- `accounting`: what each bot's store says against what its venue did; `sink_books`: what the sink counted.
- `timeline`, `report`: how it is told; `run` calls it all.
"""
