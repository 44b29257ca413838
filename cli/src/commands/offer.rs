//! `offer`: what operators serve for money.

use crate::{
	amount,
	args::{OfferArgs, OfferCommand, SignerArgs},
	client::{Client, Offer, Receipt},
	failure::{Context, Failure, Outcome},
	keys::Account,
	names,
	output::table,
	seed_file,
	session::Session,
};
use blyan_open_model::Directory;
use blyan_primitives::Prices;
use codec::Encode;
use serde_json::{json, Value as Json};
use sp_core::{sr25519, Pair, H256};
use std::path::{Path, PathBuf};

/// File of the serving key below the home directory.
const SERVING_KEY: &str = "serving-keys/default.seed";
/// Domain separator of the proof that an operator has its serving key.
const SERVING_KEY_CONTEXT: &[u8] = b"blyan/serving-key/1";
/// Longest address of a gateway, in bytes.
const ENDPOINT_BYTES_MAX: usize = 256;

/// Makes, changes, withdraws or lists offers.
pub async fn run(session: &Session, command: OfferCommand) -> Outcome<()> {
	match command {
		OfferCommand::Make { terms, signer } => make(session, &terms, &signer).await,
		OfferCommand::Change { offer, terms, signer } => change(session, offer, &terms, &signer).await,
		OfferCommand::Withdraw { offer, signer } => withdraw(session, offer, &signer).await,
		OfferCommand::List { operator } => list(session, operator).await,
	}
}

/// Returns the file of the serving key: the named one, or that of the home directory.
pub fn serving_key_path(session: &Session, named: Option<&Path>) -> PathBuf {
	named.map_or_else(|| session.home.path(SERVING_KEY), Path::to_path_buf)
}

/// Terms, with what was looked up for them.
struct Terms {
	key: sr25519::Pair,
	key_path: PathBuf,
	model_root: H256,
	prices: Prices,
	/// As the calls take them.
	encoded: Vec<u8>,
}

impl Terms {
	/// Reads the model's manifest and the serving key, which is made if it is missing.
	async fn read(session: &Session, client: &Client, args: &OfferArgs) -> Outcome<Self> {
		crate::paying::upstream::Upstream::new(&args.endpoint)?;
		if args.endpoint.len() > ENDPOINT_BYTES_MAX {
			return Err(Failure::new(format!("the address has more than {ENDPOINT_BYTES_MAX} bytes"))
				.next("name a shorter one with --endpoint"));
		}
		let directory = Directory::new(&args.model);
		let manifest = directory.manifest()?;
		let architecture = directory.architecture(&manifest)?;
		let model_root = hash(&manifest.model_root)?;
		let context = match args.context {
			Some(context) if context > architecture.context => {
				return Err(Failure::new(format!(
					"the model has a context of {} tokens, not of {context}",
					architecture.context
				))
				.next("leave --context out, or name fewer tokens"));
			}
			context => context.unwrap_or(architecture.context),
		};
		let prices =
			Prices { input: amount::parse(&args.input_price)?, output: amount::parse(&args.output_price)? };
		let key_path = serving_key_path(session, args.serving_key.as_deref());
		let key = match key_path.exists() {
			true => seed_file::read(&key_path)?,
			false => seed_file::make(&key_path)?,
		};
		let (model, generation) = match args.chain_model {
			Some(id) => (Some(id), client.model(id).await?.generation),
			None => (None, 0),
		};
		let endpoint = args.endpoint.as_bytes();
		let offered = (model, generation, model_root, prices, args.capacity, context, endpoint);
		Ok(Self { key, key_path, model_root, prices, encoded: offered.encode() })
	}

	/// The key with the proof that the operator has it, as the calls take it.
	fn proven(&self, client: &Client, account: &Account) -> [u8; 96] {
		let payload = (SERVING_KEY_CONTEXT, H256(client.genesis()), account.id()).encode();
		let mut proven = [0; 96];
		let (key, proof) = proven.split_at_mut(32);
		key.copy_from_slice(&self.key.public().0);
		proof.copy_from_slice(&self.key.sign(&payload).0);
		proven
	}
}

/// Reads 64 hexadecimal digits.
fn hash(text: &str) -> Outcome<H256> {
	let mut bytes = [0; 32];
	hex::decode_to_slice(text.trim_start_matches("0x"), &mut bytes)
		.context_next("the manifest's model root", "import the model again: blyan model import")?;
	Ok(H256(bytes))
}

async fn make(session: &Session, args: &OfferArgs, signer: &SignerArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let terms = Terms::read(session, &client, args).await?;
	let arguments = [terms.encoded.as_slice(), &terms.proven(&client, &account)].concat();
	let receipt = client.submit_encoded(&account, "Inference", "make_offer", &arguments).await?;
	let offer = number(&receipt, "OfferMade", "offer")?;
	report(session, (&account, &receipt), &terms, offer, "made");
	Ok(())
}

async fn change(session: &Session, offer: u32, args: &OfferArgs, signer: &SignerArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let terms = Terms::read(session, &client, args).await?;
	let proven = terms.proven(&client, &account);
	// `Some` of the key in front of it: the same key again changes nothing.
	let arguments = [offer.encode().as_slice(), &terms.encoded, &[1], &proven].concat();
	let receipt = client.submit_encoded(&account, "Inference", "change_offer", &arguments).await?;
	report(session, (&account, &receipt), &terms, offer, "changed");
	Ok(())
}

fn report(
	session: &Session,
	(account, receipt): (&Account, &Receipt),
	terms: &Terms,
	offer: u32,
	verb: &str,
) {
	let key = format!("0x{}", hex::encode(terms.key.public().0));
	let value = json!({
		"offer": offer,
		"operator": account.address(),
		"model_root": terms.model_root,
		"prices": terms.prices,
		"serving_key": key,
		"serving_key_file": terms.key_path,
		"block": receipt.block,
		"fee": receipt.fee().to_string(),
	});
	let text = format!(
		"{verb} offer {offer} in block {}: {} for 1,000 tokens read, {} for 1,000 written\n\
		serving key  {key}\nkey file     {} (keep it: receipts are signed with it)\n\
		serve it     blyan serve --offer {offer} --model DIR",
		receipt.block,
		amount::show(terms.prices.input),
		amount::show(terms.prices.output),
		terms.key_path.display(),
	);
	session.output.result(&value, text);
}

async fn withdraw(session: &Session, offer: u32, signer: &SignerArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let receipt = client.submit_encoded(&account, "Inference", "withdraw_offer", &offer.encode()).await?;
	let value = json!({ "offer": offer, "block": receipt.block, "fee": receipt.fee().to_string() });
	let text = format!(
		"withdrew offer {offer} in block {}; keep serving and the key until its sessions are closed",
		receipt.block
	);
	session.output.result(&value, text);
	Ok(())
}

async fn list(session: &Session, operator: Option<String>) -> Outcome<()> {
	let operator = operator.map(|text| session.keys().resolve(&text)).transpose()?;
	let client = session.connect().await?;
	let offers = offers_of(&client, operator.as_ref()).await?;
	let values: Vec<Json> = offers.iter().map(Offer::to_json).collect();
	let rows: Vec<Vec<String>> = offers.iter().map(row).collect();
	let head = ["offer", "operator", "model", "read 1k", "write 1k", "context", "endpoint"];
	let text = match rows.is_empty() {
		true => "no operator offers anything yet".to_string(),
		false => table(&head, &rows),
	};
	session.output.result(&values, text);
	Ok(())
}

async fn offers_of(client: &Client, operator: Option<&sp_core::crypto::AccountId32>) -> Outcome<Vec<Offer>> {
	let offers = client.offers().await?;
	Ok(offers
		.into_iter()
		.filter(|offer| operator.is_none_or(|operator| offer.operator == *operator))
		.collect())
}

fn row(offer: &Offer) -> Vec<String> {
	vec![
		offer.id.to_string(),
		names::short(&offer.operator),
		names::short_hash(&offer.model_root),
		amount::show(offer.prices.input),
		amount::show(offer.prices.output),
		offer.context.to_string(),
		offer.endpoint.clone(),
	]
}

/// Reads a number of an event of the pallet.
pub fn number<T: TryFrom<u128>>(receipt: &Receipt, event: &str, field: &str) -> Outcome<T> {
	let fields = receipt.event("Inference", event);
	let found = fields.and_then(|fields| crate::client::as_u128(&fields[field]));
	found.and_then(|number| number.try_into().ok()).ok_or_else(|| {
		Failure::new(format!("block {} has no {event} with a {field}", receipt.block))
			.next("this program and the chain differ in age; update the older of the two")
	})
}
