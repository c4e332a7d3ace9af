"""
Lost and duplicate events under faults: poslife's sink, and a bot's usual way for comparison.

``python -m benchmarks.faults [--kills 200]`` sends 5000 events, 2500 a second, into a real PostgreSQL through
a proxy that fails. An event is lost if `emit` returned and it is neither in the table nor among the dead
letters. The exit status is 1 if poslife lost an event or stored one twice.

- ``systems``: poslife's sink, and a bot's usual way
- ``injected``: the faults
- ``runs``: one system under one fault
- ``kills``: one system, killed by SIGKILL again and again
"""
