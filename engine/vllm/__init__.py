"""vLLM behind the engine port: in this process, or behind its OpenAI-compatible server.

`settings` is what both are told at their start. In this process: `inprocess` is the engine,
`front_end` all that touches vLLM's own code, `flat_logprobs` the layout of its rows. Behind a
server: `server` is the engine, `wire` its JSON, `addresses` which of several is asked, `process`
a server of our own and `guard` what ends it when we die.
"""
