"""What a registry holds, as it says itself.

`listing` asks for repositories, `observe` for one repository's tags and `content` for what they
point to: Observed… values. `known` is what the record had of it; `decide` (pure) compares the two
and returns Changes. Nothing here writes what it found.
"""
