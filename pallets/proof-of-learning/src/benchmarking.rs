//! Worst cases of every call, and of what happens without being asked.
