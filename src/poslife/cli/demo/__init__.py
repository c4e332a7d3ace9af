"""
``poslife demo``: why the library exists, in half a minute.

Read in this order:

- `_bot`: the bot, an example of how a host uses poslife.
- `_old_way`: the same bot the usual way, after the report of the incident that poslife was written for.
- `_scenes`: what happens to both; `_stage`: where, a venue and a bot in a process that can be killed.
- `_accounting`: what each bot's store says against what its venue did.
- `_timeline`, `_report`: how it is told; `_run` calls it all.
"""
