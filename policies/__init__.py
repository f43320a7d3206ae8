"""One file a policy: the rules that decide what a question may still cost.

Policies are made by name (`parse_policy("lead:width=8")`) or imported from their own modules.
"""

from policies.registry import (
    POLICIES,
    PolicySpec,
    knobs_of,
    parse_policy,
    policy_class,
    register,
)

__all__ = ["POLICIES", "PolicySpec", "knobs_of", "parse_policy", "policy_class", "register"]
