"""A long run with everything that goes wrong, and proofs that nothing was lost by it."""
