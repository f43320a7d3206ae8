"""The Python tool: what a model's programs run in.

`tool` is the way in. `zygote` forks sessions and `session` runs programs, both inside; `walls` and
`filters` are what stands around them. Nothing is imported here: what the zygote has, sessions have.
"""
