"""Studies of many samples: what is in one, the pieces of work it is made of, and the engine that does them."""
