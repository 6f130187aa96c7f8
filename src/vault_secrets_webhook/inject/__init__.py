"""From text with references to text with values: parse, plan, fetch, render. No I/O of its own."""
