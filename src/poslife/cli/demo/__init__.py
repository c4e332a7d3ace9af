"""
``poslife demo``: why the library exists, in a quarter of a minute.

Read in this order:

- `_bot`: the bot, an example of how a host uses poslife; `_wiring`: how its tracker is made.
- `_old_way`: the same bot the usual way, after the report of the incident that poslife was written for.
- `_scenes`: what happens to both bots' trades; `_event_scenes`: to their events; `_faults`: to the database.
- `_stage`: where, a venue and a bot in a process that can be killed; `_child`: that process; `_new_bot`,
  `_old_bot`: how it does what it is told; `_words`: what it says of its events, and cannot take back.
- `_accounting`: what each bot's store says against what its venue did; `_sink_books`: what the sink counted.
- `_timeline`, `_report`: how it is told; `_run` calls it all.
"""
