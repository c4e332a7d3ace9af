"""
The demo: why poslife exists, in a quarter of a minute. ``nox -s demo``, or ``python -m examples.demo``.

Read in this order:

- `bot`: an example of how a host uses poslife.
- `old_way`: the same bot before poslife.
- `scenes`: what happens to both.
- `database`: their database, and its failures.
- `stage`: a simulated venue, and a bot in a process that can be killed.
- `process`: that process; `driver`: its commands; `bot_driver`, `old_way_driver`: how each bot does them.
- `witness`: the record of a bot's events that survives a SIGKILL.
- `books`, `accounts`, `sink_books`: what is in the database, compared with what happened.
- `run`, `timeline`, `report`: the demo from beginning to end, and its output.
"""
