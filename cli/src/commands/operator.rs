//! `operator`: becoming one, and what an operator does by hand.

use crate::{
	amount,
	args::{MachineArgs, OperatorCommand, RegisterArgs, SessionKeyArgs, SignerArgs},
	client::{Client, Receipt},
	failure::{Failure, Kind, Outcome},
	keys::{self, Account, DEFAULT_KEY},
	session::Session,
};
use blyan_primitives::possession_payload;
use blyan_runtime_api::OperatorInfo;
use serde_json::{json, Value as Json};
use sp_core::{Pair, H256};
use subxt::dynamic::Value;

/// Operates.
pub async fn run(session: &Session, command: OperatorCommand) -> Outcome<()> {
	match command {
		OperatorCommand::Register(args) => register(session, args, None).await,
		OperatorCommand::Outbid { stake, register: args } => {
			register(session, args, Some(amount::parse(&stake)?)).await
		}
		OperatorCommand::DeclareOwner { owner, signer } => declare_owner(session, &owner, &signer).await,
		OperatorCommand::AcceptOperator { operator, signer } => accept(session, &operator, &signer).await,
		OperatorCommand::DissolveOwnership { operator, signer } => {
			dissolve(session, &operator, &signer).await
		}
		OperatorCommand::Status { account } => status(session, account).await,
		OperatorCommand::Update { machine, signer } => update(session, machine, &signer).await,
		OperatorCommand::RotateKey { session: key, signer } => rotate_key(session, key, &signer).await,
		OperatorCommand::TopUp { amount, signer } => {
			let planck = amount::parse(&amount)?;
			let fields = vec![("amount", Value::u128(planck))];
			let (account, receipt) = call(session, &signer, "top_up", fields).await?;
			let text = format!(
				"added {} to the stake of {} in block {}",
				amount::show(planck),
				account.name,
				receipt.block
			);
			report(session, &account, &receipt, json!({ "amount": planck.to_string() }), text);
			Ok(())
		}
		OperatorCommand::Return { signer } => {
			let (account, receipt) = call(session, &signer, "return_to_duty", vec![]).await?;
			let text = format!("{} is on duty again since block {}", account.name, receipt.block);
			report(session, &account, &receipt, json!({}), text);
			Ok(())
		}
		OperatorCommand::Exit { signer } => {
			let (account, receipt) = call(session, &signer, "exit", vec![]).await?;
			let until = field(&receipt, "ExitStarted", "withdrawable_at");
			let text = format!(
				"{} takes no more work since block {}. Keep its node running for what is under way; stake and bond \
				can be taken back from block {until}: blyan operator withdraw",
				account.name, receipt.block
			);
			report(session, &account, &receipt, json!({ "withdrawable_at": until }), text);
			Ok(())
		}
		OperatorCommand::Withdraw { signer } => {
			let (account, receipt) = call(session, &signer, "withdraw", vec![]).await?;
			let text = format!("{} is no operator any more; stake and bond are free", account.name);
			let (stake, bond) = (field(&receipt, "Withdrawn", "stake"), field(&receipt, "Withdrawn", "bond"));
			report(session, &account, &receipt, json!({ "stake": stake, "bond": bond }), text);
			Ok(())
		}
	}
}

async fn declare_owner(session: &Session, owner: &str, signer: &SignerArgs) -> Outcome<()> {
	let owner = session.keys().resolve(owner)?;
	let (account, receipt) =
		call(session, signer, "declare_owner", vec![("owner", Value::from_bytes(owner.clone()))]).await?;
	let owner = keys::address(&owner);
	let text = format!(
		"{} names {owner} as its owner since block {}. It is without effect until that account accepts: blyan operator \
		accept-operator {}",
		account.name,
		receipt.block,
		account.address(),
	);
	report(session, &account, &receipt, json!({ "owner": owner }), text);
	Ok(())
}

async fn accept(session: &Session, operator: &str, signer: &SignerArgs) -> Outcome<()> {
	let operator = session.keys().resolve(operator)?;
	let fields = vec![("operator", Value::from_bytes(operator.clone()))];
	let (account, receipt) = call(session, signer, "accept_operator", fields).await?;
	let operator = keys::address(&operator);
	let text = format!(
		"{operator} belongs to {} since block {}: its operators share seats and never judge what it submits",
		account.name, receipt.block
	);
	report_about(session, (&account, &operator), &receipt, text);
	Ok(())
}

async fn dissolve(session: &Session, operator: &str, signer: &SignerArgs) -> Outcome<()> {
	let operator = session.keys().resolve(operator)?;
	let fields = vec![("operator", Value::from_bytes(operator.clone()))];
	let (account, receipt) = call(session, signer, "dissolve_ownership", fields).await?;
	let operator = keys::address(&operator);
	let ends_at = field(&receipt, "OwnershipDissolved", "ends_at");
	let text = format!("{operator} belongs to itself from block {ends_at} on");
	report_about(session, (&account, &operator), &receipt, text);
	Ok(())
}

/// Prints what became of a call that one account made about another one's operator.
fn report_about(session: &Session, (caller, operator): (&Account, &str), receipt: &Receipt, text: String) {
	let value = json!({
		"caller": caller.address(),
		"operator": operator,
		"block": receipt.block,
		"fee": receipt.fee().to_string(),
	});
	session.output.result(&value, text);
}

/// Registers, with a stake of one's choice if there is one.
async fn register(session: &Session, args: RegisterArgs, stake: Option<u128>) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	let hardware = machine(&client, &args.machine).await?;
	let price = client.registration_price().await?;
	let bond_max = match &args.bond_max {
		Some(text) => amount::parse(text)?,
		None => price.saturating_add(price / 4),
	};
	if price > bond_max {
		return Err(Failure::new(format!(
			"registering costs a bond of {} now, more than {}",
			amount::show(price),
			amount::show(bond_max)
		))
		.kind(Kind::Refused)
		.next("wait, since the price halves every day, or raise --bond-max; withdraw gives the bond back"));
	}
	let key = SessionKey::prepare(&client, &account, &args.session).await?;
	let profile = Value::named_composite([
		("role", Value::unnamed_variant(args.role.variant(), [])),
		("region", Value::unnamed_composite([Value::from_bytes(args.region)])),
		("capabilities", capabilities(&args.machine)),
		("hardware", Value::from_bytes(hardware)),
	]);
	let mut fields = vec![
		("profile", profile),
		("key", Value::from_bytes(key.public)),
		("proof", Value::from_bytes(key.proof)),
	];
	fields.extend(stake.map(|stake| ("stake", Value::u128(stake))));
	fields.push(("bond_max", Value::u128(bond_max)));
	let name = if stake.is_some() { "outbid" } else { "register" };
	let receipt = client.submit(&account, "Operators", name, fields).await?;
	let (stake, bond) = (planck(&receipt, "Registered", "stake"), planck(&receipt, "Registered", "bond"));
	let text = format!(
		"{} is an operator since block {}: stake {}, bond {}, session key {}\n\
		it may be drawn from now on, so keep the node running. Look with: blyan operator status",
		account.name,
		receipt.block,
		amount::show(stake),
		amount::show(bond),
		key.shown(),
	);
	let value = json!({
		"stake": stake.to_string(),
		"bond": bond.to_string(),
		"session_key": key.shown(),
		"hardware": hardware,
	});
	report(session, &account, &receipt, value, text);
	Ok(())
}

async fn update(session: &Session, args: MachineArgs, signer: &SignerArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let hardware = machine(&client, &args).await?;
	let fields = vec![("capabilities", capabilities(&args)), ("hardware", Value::from_bytes(hardware))];
	let receipt = client.submit(&account, "Operators", "update_capabilities", fields).await?;
	let stake = planck(&receipt, "CapabilitiesUpdated", "stake");
	let text = format!(
		"{} said what its machine can do in block {}; its stake is {}",
		account.name,
		receipt.block,
		amount::show(stake)
	);
	report(session, &account, &receipt, json!({ "stake": stake.to_string(), "hardware": hardware }), text);
	Ok(())
}

async fn rotate_key(session: &Session, args: SessionKeyArgs, signer: &SignerArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let key = SessionKey::prepare(&client, &account, &args).await?;
	let fields = vec![("key", Value::from_bytes(key.public)), ("proof", Value::from_bytes(key.proof))];
	let receipt = client.submit(&account, "Operators", "rotate_key", fields).await?;
	let text = format!("{} signs with {} since block {}", account.name, key.shown(), receipt.block);
	report(session, &account, &receipt, json!({ "session_key": key.shown() }), text);
	Ok(())
}

async fn status(session: &Session, account: Option<String>) -> Outcome<()> {
	let who = session.keys().resolve(account.as_deref().unwrap_or(DEFAULT_KEY))?;
	let client = session.connect().await?;
	let Some(operator) = client.operator(&who).await? else {
		let price = client.registration_price().await?;
		let failure = Failure::new(format!("{} is no operator", keys::address(&who))).next(format!(
			"blyan operator register; besides the stake it takes a bond of {} now",
			amount::show(price)
		));
		return Err(client.blame_sync(failure).await);
	};
	// Another operator's node does not say.
	let has_key = client.has_session_key(operator.key.as_ref()).await.ok();
	let mut value = serde_json::to_value(&operator)?;
	if let Some(object) = value.as_object_mut() {
		object.insert("node_has_key".into(), json!(has_key));
	}
	session.output.result(&value, explain(&operator, has_key, client.best_block().await?));
	Ok(())
}

/// An operator in sentences.
fn explain(operator: &OperatorInfo, has_key: Option<bool>, now: u64) -> String {
	let ago = now.saturating_sub(operator.last_heartbeat.into());
	let duty = match (operator.eligible, operator.quarantined_until, operator.withdrawable_at) {
		(true, ..) => "may be drawn".to_string(),
		(_, Some(until), _) => {
			format!("in quarantine; from block {until} it may return: blyan operator return")
		}
		(_, _, Some(at)) => format!("leaving; from block {at} it may withdraw: blyan operator withdraw"),
		_ => "is not drawn: it was not heard in this heartbeat period or the last".into(),
	};
	let node = match has_key {
		Some(true) => "this node has it",
		Some(false) => "this node does not have it",
		None => "whether this node has it is not known from here",
	};
	format!(
		"operator    {}\nduty        {duty}\nstake       {}, bond {}\nheartbeat   block {}, {ago} blocks ago\n\
		session key 0x{}; {node}\nreputation  {} of 1000000\noffences    {} pending",
		keys::address(&operator.account),
		amount::show(operator.stake),
		amount::show(operator.bond),
		operator.last_heartbeat,
		hex::encode(&operator.key),
		operator.reputation,
		operator.pending_offences,
	)
}

/// A session key that a node has and that proved that it agrees.
struct SessionKey {
	public: [u8; 32],
	proof: [u8; 64],
}

impl SessionKey {
	/// Makes or reads the key, gives it to the node, and signs with it that it is the account's.
	async fn prepare(client: &Client, account: &Account, args: &SessionKeyArgs) -> Outcome<Self> {
		let (pair, secret) = match &args.session {
			Some(secret) => (keys::pair_from_suri(secret)?, secret.clone()),
			// The secret need not be kept: it lives in the node, and is replaced when it is lost.
			None => keys::generate(),
		};
		let public = pair.public().0;
		if !args.no_insert {
			client.insert_session_key(&secret, &public).await?;
		}
		let payload = possession_payload(&H256(client.genesis()), &account.id());
		Ok(Self { public, proof: pair.sign(&payload).0 })
	}

	fn shown(&self) -> String {
		format!("0x{}", hex::encode(self.public))
	}
}

/// The identifier to commit to.
async fn machine(client: &Client, args: &MachineArgs) -> Outcome<H256> {
	match (&args.hardware, args.no_hardware) {
		(Some(hash), _) => Ok(H256(hash.0)),
		(None, true) => Ok(H256::zero()),
		(None, false) => client.machine().await?.ok_or_else(|| {
			Failure::new("the node has not looked at its machine yet")
				.next("name the identifier from its log with --hardware, or say --no-hardware")
		}),
	}
}

fn capabilities(args: &MachineArgs) -> Value {
	let bits = args.capabilities.iter().fold(0, |bits, capability| bits | capability.bit());
	Value::unnamed_composite([Value::u128(bits.into())])
}

/// Signs and sends one of the operators' calls.
async fn call(
	session: &Session,
	signer: &SignerArgs,
	name: &str,
	fields: Vec<(&str, Value)>,
) -> Outcome<(Account, Receipt)> {
	let (client, account) = session.connect_as(signer).await?;
	let receipt = client.submit(&account, "Operators", name, fields).await?;
	Ok((account, receipt))
}

/// Prints what became of a call.
fn report(session: &Session, account: &Account, receipt: &Receipt, mut value: Json, text: String) {
	if let Some(object) = value.as_object_mut() {
		object.insert("operator".into(), json!(account.address()));
		object.insert("block".into(), json!(receipt.block));
		object.insert("fee".into(), json!(receipt.fee().to_string()));
	}
	session.output.result(&value, text);
}

fn field(receipt: &Receipt, event: &str, name: &str) -> Json {
	receipt.event("Operators", event).map(|fields| fields[name].clone()).unwrap_or_default()
}

fn planck(receipt: &Receipt, event: &str, name: &str) -> u128 {
	crate::client::as_u128(&field(receipt, event, name)).unwrap_or_default()
}
