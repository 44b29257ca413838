//! One run for a checkpoint.

use super::TrainError;
use std::{
	fs::{File, TryLockError},
	path::Path,
};

/// Keeps other runs away from the checkpoint at `path` until the returned file is dropped or the process ends.
///
/// Two runs would each put theirs in the place of the other's, and the next one would resume from either.
pub(crate) fn lock(path: &Path) -> Result<File, TrainError> {
	let beside = path.with_extension("lock");
	let io = |source| TrainError::Io { path: beside.clone(), source };
	let file = File::create(&beside).map_err(io)?;
	match file.try_lock() {
		Ok(()) => Ok(file),
		Err(TryLockError::WouldBlock) => Err(TrainError::Checkpoint {
			path: path.into(),
			reason: "a run that is under way writes it; wait for its end, or name another file".into(),
		}),
		Err(TryLockError::Error(source)) => Err(io(source)),
	}
}

/// Refuses the checkpoint at `path` while a run that is under way writes it.
///
/// For whatever else is kept beside a checkpoint and must not be replaced under a run; the run itself takes the lock for
/// as long as it lasts.
///
/// # Errors
///
/// [`TrainError::Checkpoint`] if a run holds it, [`TrainError::Io`] if the lock beside it cannot be made.
pub fn ensure_checkpoint_is_free(path: &Path) -> Result<(), TrainError> {
	lock(path).map(drop)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_second_run_is_refused_while_the_first_holds_the_checkpoint() {
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("run.ckpt");
		let first = lock(&path).expect("free");
		let refused = ensure_checkpoint_is_free(&path).expect_err("taken").to_string();
		assert!(refused.contains("run.ckpt") && refused.contains("under way"), "{refused}");
		assert!(lock(&folder.path().join("other.ckpt")).is_ok());
		drop(first);
		ensure_checkpoint_is_free(&path).expect("free again");
		lock(&path).expect("asking does not take it");
	}
}
