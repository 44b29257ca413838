//! `model register`, `model holdout` and `model show`: open models on the chain.

use super::registered;
use crate::{
	args::{ModelHoldoutArgs, ModelRegisterArgs},
	client::{self, Client, Receipt},
	commands::lists,
	failure::{Context, Failure, Kind, Outcome},
	keys::{parse_account, Account},
	names,
	open_dir::{holdout_ref, OpenModelDir},
	output::{table, Output},
	session::Session,
};
use blyan_exact::definition2::{model::architecture_hash, step::is_disputable, Program};
use blyan_open_model::{directory, Directory, HoldoutWriter};
use blyan_primitives::{blocks_root, HoldoutRef, ModelBody, ModelId, ModelInfo, ModelVersion};
use codec::Encode;
use serde_json::json;
use sp_core::{crypto::AccountId32, H256};
use std::{
	fs::File,
	io::BufReader,
	path::{Path, PathBuf},
};

/// Bytes of a model's name on the chain, at most.
const NAME_BYTES_MAX: usize = 64;
/// Version of a model when it is registered.
const VERSION: ModelVersion = ModelVersion { major: 1, minor: 0, patch: 0 };

/// Call that names a model's guard.
const GUARD: &str = "register_guard";

/// A holdout with its bytes.
struct Measure {
	/// Call that names it to the chain.
	call: &'static str,
	bytes: Vec<u8>,
	reference: HoldoutRef,
}

/// Registers a model and its holdouts, and hands their bytes to the node.
pub async fn run(session: &Session, args: ModelRegisterArgs) -> Outcome<()> {
	let output = &session.output;
	let dir = args.dir.clone();
	let model = tokio::task::spawn_blocking(move || OpenModelDir::open(&dir)).await??;
	let measures = measures(&args)?;
	let registration = registration(&model, &args)?;
	if args.calls {
		return print_calls(output, &session.connect().await?, &registration, &measures).await;
	}
	let (client, account) = session.connect_as(&args.signer).await?;
	let id = match registered::find(&client, &model, &body(&model), &args).await? {
		Some(ModelInfo { id, generation, .. }) => {
			let text = format!(
				"resumed    model {id} is registered already (generation {generation}): what is left is done"
			);
			output.event("resumed", json!({ "model": id, "generation": generation }), text);
			id
		}
		None => register(output, &client, &account, &model, &registration).await?,
	};
	for measure in &measures {
		set_measure(output, &client, &account, id, measure).await?;
	}
	if args.no_upload {
		output.say("its bytes are not uploaded: nodes that have none of them cannot judge experts of it");
		return Ok(());
	}
	let holdouts: Vec<Vec<u8>> = measures.into_iter().map(|measure| measure.bytes).collect();
	let next = format!("the model is registered; go on with: blyan model upload {}", args.dir.display());
	upload(output, &client, &model, &holdouts).await.map_err(|failure| failure.next(next))
}

/// Names a holdout to the chain, unless it has that one already: what candidates have spent of a guard's budget is forgotten
/// when it is named.
async fn set_measure(
	output: &Output,
	client: &Client,
	account: &Account,
	id: ModelId,
	measure: &Measure,
) -> Outcome<()> {
	let known = match measure.call {
		GUARD => client.guard_holdout(id).await?,
		_ => client.holdout(id).await?,
	};
	let block = match known == Some(measure.reference) {
		true => None,
		false => {
			let arguments = (id, measure.reference).encode();
			let call = client.call_bytes("ProofOfLearning", measure.call, &arguments).await?;
			Some(sudo(client, account, &call).await?.block)
		}
	};
	let HoldoutRef { root, sequences, sequence_len, .. } = measure.reference;
	let fields = json!({ "model": id, "call": measure.call, "holdout": measure.reference, "block": block });
	let text = format!(
		"measured   on {sequences} sequences of {sequence_len} token ids, root {} ({})",
		names::short_hash(&root),
		block.map_or("as before".to_string(), |block| format!("block {block}"))
	);
	output.event("holdout", fields, text);
	Ok(())
}

async fn register(
	output: &Output,
	client: &Client,
	account: &Account,
	model: &OpenModelDir,
	registration: &[u8],
) -> Outcome<ModelId> {
	let call = client.call_bytes("Experts", "register_open_model", registration).await?;
	let receipt = sudo(client, account, &call).await?;
	let id = number(&receipt)?;
	let (parts, experts, root) = (model.parts.len(), model.heads.len(), &model.manifest.model_root);
	let fields = json!({ "model": id, "block": receipt.block, "model_root": format!("0x{root}"), "parts": parts,
		"experts": experts, "fee": receipt.fee().to_string() });
	let text = format!(
		"registered model {id}: {parts} parts and {experts} experts, root 0x{root} (block {})",
		receipt.block
	);
	output.event("registered", fields, text);
	Ok(id)
}

/// Hands the bytes of a model that was registered before to the node.
pub async fn upload_again(session: &Session, dir: PathBuf, holdouts: &[PathBuf]) -> Outcome<()> {
	let model = tokio::task::spawn_blocking(move || OpenModelDir::open(&dir)).await??;
	let read = |path: &PathBuf| std::fs::read(path).context(path.display());
	let holdouts = holdouts.iter().map(read).collect::<Outcome<Vec<_>>>()?;
	upload(&session.output, &session.connect().await?, &model, &holdouts).await
}

/// Makes the bytes of the holdouts known by their roots.
fn measures(args: &ModelRegisterArgs) -> Outcome<Vec<Measure>> {
	let named = [("register_holdout", &args.holdout), (GUARD, &args.guard)];
	let read = |(call, path): (&'static str, &Path)| -> Outcome<Measure> {
		let bytes = std::fs::read(path).context(path.display())?;
		let reference = holdout_ref(&bytes, path)?;
		Ok(Measure { call, bytes, reference })
	};
	named.into_iter().filter_map(|(call, path)| Some((call, path.as_deref()?))).map(read).collect()
}

fn body(model: &OpenModelDir) -> ModelBody {
	ModelBody::Second {
		architecture: H256(architecture_hash(&model.architecture)),
		parts: blocks_root(&model.parts),
	}
}

/// Returns the arguments of `Experts.register_open_model`: specification, record, parts, owner, heads.
fn registration(model: &OpenModelDir, args: &ModelRegisterArgs) -> Outcome<Vec<u8>> {
	let name = match (&args.name, &model.manifest.source["name"]) {
		(Some(name), _) => name.clone(),
		(None, serde_json::Value::String(name)) => name.clone(),
		(None, _) => return Err(Failure::new("the model has no name").next("name it with --name")),
	};
	if !(1..=NAME_BYTES_MAX).contains(&name.len()) {
		let bytes = name.len();
		return Err(Failure::new(format!(
			"the name has {bytes} bytes; the chain takes 1 to {NAME_BYTES_MAX}"
		))
		.next("shorten it with --name"));
	}
	let specification = (name.into_bytes(), body(model), VERSION, VERSION);
	let owner: Option<AccountId32> = args.owner.as_deref().map(parse_account).transpose()?;
	Ok((specification, model.architecture.to_bytes(), &model.parts, owner, &model.heads).encode())
}

/// Prints the calls for whatever decides on such a chain, and sends nothing.
async fn print_calls(
	output: &Output,
	client: &Client,
	registration: &[u8],
	measures: &[Measure],
) -> Outcome<()> {
	// Models are numbered in the order in which they are registered.
	let next = u32::try_from(client.models().await?.len())?;
	let mut calls = vec![client.call_bytes("Experts", "register_open_model", registration).await?];
	for measure in measures {
		let arguments = (next, measure.reference).encode();
		calls.push(client.call_bytes("ProofOfLearning", measure.call, &arguments).await?);
	}
	let values: Vec<_> = calls
		.iter()
		.map(|call| json!({ "call": format!("0x{}", hex::encode(call)), "hash": client::hash(call), "bytes": call.len() }))
		.collect();
	let lines: Vec<String> = calls
		.iter()
		.map(|call| format!("0x{}\nhash {:?}, {} bytes", hex::encode(call), client::hash(call), call.len()))
		.collect();
	let text = format!(
		"{}\n\nRoot has to make these calls in this order; the model will be number {next} if no other is registered before.",
		lines.join("\n\n")
	);
	output.result(&json!({ "model": next, "calls": values }), text);
	Ok(())
}

/// Makes a call as root, where one account may.
pub async fn sudo(client: &Client, account: &Account, call: &[u8]) -> Outcome<Receipt> {
	if !client.has_pallet("Sudo").await? {
		return Err(Failure::new("no single account may register models on this chain")
			.kind(Kind::Refused)
			.next("print the calls with --calls, note them as preimages and have them voted on"));
	}
	let receipt = client.submit_encoded(account, "Sudo", "sudo", call).await?;
	let done = receipt.event("Sudo", "Sudid").ok_or_else(|| outdated("what root did"))?;
	match done["sudo_result"].get("Err") {
		None => Ok(receipt),
		Some(error) => Err(Failure::new(format!("the chain refused the call of root: {error}"))
			.kind(Kind::Refused)
			.next("the errors of a pallet are numbered in the order of its metadata")),
	}
}

/// Reads the number that a model got.
fn number(receipt: &Receipt) -> Outcome<ModelId> {
	let event = receipt.event("Experts", "ModelRegistered");
	let id = event.and_then(|fields| client::as_u128(&fields["model"]));
	id.and_then(|id| ModelId::try_from(id).ok()).ok_or_else(|| outdated("which number the model has"))
}

fn outdated(what: &str) -> Failure {
	Failure::new(format!("the chain's events do not say {what}"))
		.kind(Kind::Outdated)
		.next("this program is older than the chain; update it")
}

/// Hands the bytes of all parts, experts and holdouts to the node. What it has already is not sent again.
pub async fn upload(
	output: &Output,
	client: &Client,
	model: &OpenModelDir,
	holdouts: &[Vec<u8>],
) -> Outcome<()> {
	let hashes: Vec<H256> = model.blobs().copied().collect();
	let bar = output.bar("uploading", hashes.len() as u64);
	for (done, hash) in (1..).zip(&hashes) {
		if let Some(file) = model.file(hash)? {
			client::upload(client, output, file.bytes()).await?;
		}
		bar.set(done);
	}
	drop(bar);
	for holdout in holdouts {
		client::upload(client, output, holdout).await?;
	}
	let blobs = hashes.len() + holdouts.len();
	output.event("uploaded", json!({ "blobs": blobs }), format!("uploaded   {blobs} blobs"));
	Ok(())
}

/// Writes a holdout of texts, in the model's own tokens.
pub fn holdout(output: &Output, args: &ModelHoldoutArgs) -> Outcome<()> {
	let directory = Directory::new(&args.dir);
	let manifest = directory.manifest()?;
	let architecture = directory.architecture(&manifest)?;
	let tokenizer = directory.tokenizer(&manifest)?;
	// A score that no account could prove wrong is not taken by the chain.
	if !is_disputable(&Program::new(&architecture, args.positions)?) {
		let positions = args.positions;
		return Err(Failure::new(format!(
			"a dispute cannot be about sequences of {positions} positions of this model: what decides it would be too large"
		))
		.kind(Kind::Refused)
		.next("use fewer with --positions; blyan model needs DIR says how large witnesses are"));
	}
	// The folder's name is needed too, for the disk to have the file's.
	let out = std::path::absolute(&args.out).context(args.out.display())?;
	let summary = directory::write_file(&out, |file: &mut File| -> Outcome<_> {
		let mut writer = HoldoutWriter::new(file, &tokenizer, args.positions)?;
		for path in &args.texts {
			let text = File::open(path).context(path.display())?;
			writer.text(&tokenizer, BufReader::new(text)).context(path.display())?;
		}
		Ok(writer.finish()?)
	})?;
	let root = H256(summary.root);
	let value = json!({ "file": args.out, "root": root, "sequences": summary.sequences,
		"positions": args.positions, "text_bytes": summary.text_bytes, "bytes": summary.file_bytes });
	let shown = format!(
		"wrote        {}\nroot         {root:?}\nsequences    {} of {} positions, {} bytes of text\nbytes        {}",
		args.out.display(),
		summary.sequences,
		args.positions,
		summary.text_bytes,
		summary.file_bytes
	);
	output.result(&value, shown);
	Ok(())
}

/// Shows a model as the chain has it.
pub async fn show(session: &Session, id: ModelId) -> Outcome<()> {
	let model = session.connect().await?.chain_model(id).await?;
	let info = &model.info;
	let (experts, shape) = lists::describe(&model);
	let root = info.model_root();
	let parts = match &model.info.body {
		ModelBody::First { trunk, .. } => vec![("trunk".to_string(), trunk)],
		ModelBody::Second { .. } => {
			let named = model.architecture().map(directory::parts).unwrap_or_default();
			named.into_iter().map(directory::part_name).zip(&info.parts).collect()
		}
	};
	let rows: Vec<Vec<String>> = parts
		.into_iter()
		.map(|(name, block)| {
			let root = names::short_hash(&block.tensor_root);
			vec![name, block.blob.size.to_string(), root, names::short_hash(&block.blob.hash)]
		})
		.collect();
	let shown = format!(
		"model        {id}, {}\ndefinition   {}\nexperts      {experts}\nshape        {shape}\ngeneration   {}\n\
		 model root   {root:?}\n\n{}",
		lists::name(info),
		if info.body.is_second() { "second" } else { "first" },
		info.generation,
		table(&["part", "bytes", "tensor root", "blob"], &rows)
	);
	let mut value = lists::value(&model);
	value["model_root"] = json!(root);
	session.output.result(&value, shown);
	Ok(())
}
