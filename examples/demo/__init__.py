"""
The demo: why poslife exists, in a quarter of a minute. ``nox -s demo``, or ``python -m examples.demo``.

Read in this order:

- `bot`: an example of how a host uses poslife.
- `old_way`: the same bot before poslife.
- `scenes`: what happens to both.
- `database`: their database, and what happens to that.
- `stage`: a simulated venue, and a bot in a process that can be killed. `process` is that process, `driver`
  what it can be asked, `bot_driver` and `old_way_driver` how it does it, `witness` what it cannot take back.
- `books`, `accounts`, `sink_books`: what is in the database, against what happened.
- `run`, `timeline`, `report`: all of it in order, and how it is shown.
"""
