"""vLLM behind the engine port: in this process, or behind its OpenAI-compatible server.

`settings` is what both are told at their start. In this process: `inprocess` is the engine,
`front_end` all that touches vLLM's own code. Behind a server: `server` is the engine, `wire` its
JSON, `addresses` which of several is asked, `process` a server of our own and `guard` what ends it
when we die. Log-probabilities come by a way of our own: within vLLM `worker` has a `recorder`,
which lays them on a `board`, from which `lending` reads them.
"""
