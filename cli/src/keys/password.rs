//! Where passwords come from: a file, the environment, or a person.

use crate::failure::{Context, Failure, Outcome};
use std::{fmt, io::IsTerminal, path::PathBuf};

/// Environment variable that holds the password.
pub const PASSWORD_VARIABLE: &str = "BLYAN_PASSWORD";

/// A password. It is never printed, not even by `{:?}`.
pub struct Password(String);

impl Password {
	/// The characters, for the one function that needs them.
	pub fn as_str(&self) -> &str {
		&self.0
	}
}

impl From<String> for Password {
	fn from(text: String) -> Self {
		Self(text)
	}
}

impl fmt::Debug for Password {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("Password(..)")
	}
}

/// Source of a password, as the user chose it.
#[derive(Clone, Debug, Default)]
pub struct PasswordSource {
	/// `--password-file`: the first line of this file.
	pub file: Option<PathBuf>,
	/// `--empty-password`: a new key may have an empty one.
	pub may_be_empty: bool,
}

impl PasswordSource {
	/// The password of an existing key.
	pub fn ask(&self, key: &str) -> Outcome<Password> {
		match self.without_asking()? {
			Some(password) => Ok(password),
			None => prompt(&format!("Password of key \"{key}\": ")),
		}
	}

	/// The password of a new key, asked for twice.
	pub fn ask_new(&self, key: &str) -> Outcome<Password> {
		if let Some(password) = self.without_asking()? {
			self.ensure_not_empty(&password)?;
			return Ok(password);
		}
		let first = prompt(&format!("New password for key \"{key}\": "))?;
		self.ensure_not_empty(&first)?;
		if prompt("The same again: ")?.as_str() != first.as_str() {
			return Err(Failure::new("the two passwords differ").next("run the command again"));
		}
		Ok(first)
	}

	fn ensure_not_empty(&self, password: &Password) -> Outcome<()> {
		if password.as_str().is_empty() && !self.may_be_empty {
			return Err(Failure::new("an empty password protects nothing")
				.next("choose another, or say --empty-password for a key that is worth nothing"));
		}
		Ok(())
	}

	fn without_asking(&self) -> Outcome<Option<Password>> {
		if let Some(file) = &self.file {
			let text = std::fs::read_to_string(file).context(file.display())?;
			return Ok(Some(Password(text.lines().next().unwrap_or_default().to_string())));
		}
		Ok(std::env::var(PASSWORD_VARIABLE).ok().map(Password))
	}
}

fn prompt(question: &str) -> Outcome<Password> {
	if !std::io::stdin().is_terminal() {
		return Err(Failure::new("a password is needed and there is no terminal to ask at")
			.next(format!("set {PASSWORD_VARIABLE} or pass --password-file FILE")));
	}
	Ok(Password(rpassword::prompt_password(question)?))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_password_file_gives_its_first_line() {
		let dir = tempfile::tempdir().unwrap();
		let file = dir.path().join("password");
		std::fs::write(&file, "secret words\nignored\n").unwrap();
		let source = PasswordSource { file: Some(file), may_be_empty: false };
		assert_eq!(source.ask("k").unwrap().as_str(), "secret words");
		assert!(PasswordSource { file: Some(dir.path().join("none")), may_be_empty: false }
			.ask("k")
			.is_err());
	}

	#[test]
	fn a_new_key_gets_no_empty_password_unless_that_is_asked_for() {
		let dir = tempfile::tempdir().unwrap();
		let file = dir.path().join("password");
		std::fs::write(&file, "\nsecond line\n").unwrap();
		let source = |may_be_empty| PasswordSource { file: Some(file.clone()), may_be_empty };
		assert!(source(false).ask_new("k").unwrap_err().message.contains("empty password"));
		assert_eq!(source(true).ask_new("k").unwrap().as_str(), "");
		// What was encrypted so can still be opened.
		assert_eq!(source(false).ask("k").unwrap().as_str(), "");
	}

	#[test]
	fn debug_hides_the_password() {
		assert_eq!(format!("{:?}", Password::from("secret".to_string())), "Password(..)");
	}
}
