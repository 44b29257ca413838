//! Context of every command: where to print, where keys are, which node to ask.

use crate::{
	args::{Global, SignerArgs},
	client::{ensure_network, Client, Pins},
	failure::Outcome,
	home::Home,
	keys::{Account, KeyStore, PasswordSource},
	output::Output,
	submissions::SubmissionStore,
};

/// The options that all commands share, made usable.
pub struct Session {
	/// Where to print.
	pub output: Output,
	/// Keys and settings.
	pub home: Home,
	/// Address of the node.
	pub url: String,
	/// Genesis hash that `--genesis` asks for.
	pub genesis: Option<[u8; 32]>,
	passwords: PasswordSource,
}

impl Session {
	/// Finds the home directory. Nothing is created and no node is asked yet.
	pub fn new(global: &Global, output: Output) -> Outcome<Self> {
		Ok(Self {
			output,
			home: Home::find(global.home.clone())?,
			url: global.url.clone(),
			genesis: global.genesis.map(|hash| hash.0),
			passwords: PasswordSource {
				file: global.password_file.clone(),
				may_be_empty: global.empty_password,
			},
		})
	}

	/// A session of the same program at another node, with another directory.
	pub fn at(&self, url: String, home: Home) -> Self {
		let Self { output, passwords, .. } = self;
		Self { output: output.clone(), home, url, genesis: None, passwords: passwords.clone() }
	}

	/// The user's keys.
	pub fn keys(&self) -> KeyStore {
		KeyStore::new(self.home.clone(), self.passwords.clone())
	}

	/// The remembered networks.
	pub fn pins(&self) -> Pins {
		Pins::new(self.home.clone())
	}

	/// The miner's kept blocks for the network of `client`.
	pub fn submissions(&self, client: &Client) -> SubmissionStore {
		SubmissionStore::new(&self.home, client.genesis())
	}

	/// Connects for reading.
	pub async fn connect(&self) -> Outcome<Client> {
		let client = Client::connect(&self.url).await?;
		if self.genesis.is_some() {
			ensure_network(&client, self.genesis, &self.pins(), None).await?;
		}
		Ok(client)
	}

	/// Connects for signing: on the right network, with the account unlocked.
	pub async fn connect_as(&self, signer: &SignerArgs) -> Outcome<(Client, Account)> {
		let client = Client::connect(&self.url).await?;
		// The network first: no user should type a password for the wrong one.
		ensure_network(&client, self.genesis, &self.pins(), None).await?;
		let account = self.account(signer)?;
		ensure_network(&client, self.genesis, &self.pins(), Some(&account)).await?;
		Ok((client, account))
	}

	/// The secret of `--suri`, from the standard input if that is a dash.
	fn secret(&self, suri: Option<&str>) -> Outcome<Option<String>> {
		let Some(suri) = suri else { return Ok(None) };
		if suri == "-" {
			let mut line = String::new();
			std::io::stdin().read_line(&mut line)?;
			return Ok(Some(line.trim().to_string()));
		}
		// Every machine knows //Alice.
		if !suri.starts_with("//") {
			self.output.warn(
				"the process list shows what --suri says to every user of this machine; import the key (blyan keys import) \
				or say --suri - and give the secret on the standard input",
			);
		}
		Ok(Some(suri.to_string()))
	}

	/// Unlocks the account that signs; the default key is made if it is missing.
	pub fn account(&self, signer: &SignerArgs) -> Outcome<Account> {
		let suri = self.secret(signer.suri.as_deref())?;
		let (account, phrase) = self.keys().account(suri.as_deref(), signer.key.as_deref())?;
		if let Some(phrase) = phrase {
			self.output.warn(format!(
				"made key \"{}\", address {}. This phrase restores it; write it down: {phrase}",
				account.name,
				account.address()
			));
		}
		Ok(account)
	}
}
