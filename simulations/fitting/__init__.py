"""From traces to the parameters of the shadow price; `simulations.fit` is the command."""
