//! Tokens per second of the three ways to run the model, on one thread.
