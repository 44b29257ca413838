//! `serve`: OpenAI's interface and a chat page over a model on this machine. A node is asked only by a server that is paid.

mod accounts;
mod captcha;
mod chain;
mod defence;
mod paid;
mod tls;

use paid::{Defence, Paid};
use tls::Encryption;

use crate::{
	amount,
	answer_referee::AnswerModel,
	args::ServeArgs,
	client::Offer,
	failure::{Context, Failure, Kind, Outcome},
	interrupted,
	local_model::LocalModel,
	output::Output,
	session::Session,
};
use blyan_gateway::{Batched, Config, Gateway, ServedModel, Till, BODY_MEMORY};
use blyan_open_model::serve::Limits;
use serde_json::{json, Value};
use std::{
	net::SocketAddr,
	path::Path,
	pin::pin,
	sync::Arc,
	time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;

/// Serves until Ctrl-C or SIGTERM, which are no failure here.
pub async fn run(session: &Session, args: ServeArgs) -> Outcome<()> {
	let output = session.output.clone();
	// First of all: a port that is taken need not wait for a model to be loaded.
	let listener = TcpListener::bind(args.listen).await.context_next(
		format_args!("cannot listen on {}", args.listen),
		"name another address with --listen",
	)?;
	let address = listener.local_addr()?;
	let encryption = Encryption::open(&args.tls, args.listen).await?;
	if let Some(page) = &args.page {
		ensure_page(page)?;
	}
	let mut end = pin!(interrupted());
	let paid = tokio::select! {
		paid = paid::open(session, &args) => paid?,
		() = end.as_mut() => return Err(Failure::interrupted()),
	};
	warn_if_open(&output, address, &args, paid.is_some(), &encryption);
	let people = accounts::open(session, &args.people, address, paid.is_some(), encryption.is_on())?;
	let chain = match args.chain {
		true => Some(tokio::select! {
			routes = chain::router(session) => routes?,
			() = end.as_mut() => return Err(Failure::interrupted()),
		}),
		false => None,
	};
	let access_log = args.people.access_log.as_deref().map(accounts::access_log).transpose()?;
	let (loading, proxies) = (output.clone(), args.people.proxy.clone());
	let is_loopback = address.ip().is_loopback();
	let loaded = tokio::task::spawn_blocking(move || load(&loading, &args, is_loopback));
	let (gateway, defence) = tokio::select! {
		loaded = loaded => loaded??,
		() = end.as_mut() => return Err(Failure::interrupted()),
	};
	let till = paid.as_ref().map(|paid| -> Arc<dyn Till> { paid.cashier.clone() });
	let mut gateway = accounts::mount(gateway, people, till).with_proxies(proxies);
	if let Some(routes) = chain {
		gateway = gateway.with_routes(routes);
	}
	if let Some(log) = access_log {
		gateway = gateway.with_access_log(log);
	}
	let gateway = Arc::new(gateway);
	let (fields, text) = announcement(&output, &gateway, address, &encryption, paid.as_ref());
	let keeping = paid.as_ref().map(|paid| paid.keep(&output, &gateway, defence));
	output.event("serving", fields, text);
	encryption.serve(listener, gateway, end, &output).await?;
	if let Some(keeping) = keeping {
		keeping.finish(&output).await;
	}
	output.event("ended", json!({}), "the server has ended");
	Ok(())
}

/// Warns about what others on the way or at the other end can do.
fn warn_if_open(
	output: &Output,
	address: SocketAddr,
	args: &ServeArgs,
	is_paid: bool,
	encryption: &Encryption,
) {
	let has_users = is_paid || args.people.accounts;
	let next = match (has_users, encryption.is_on()) {
		_ if address.ip().is_loopback() => return,
		(true, true) => return,
		(true, false) => format!(
			"{address} has no encryption: give it a certificate with --tls-cert, or put a proxy with TLS in front of it"
		),
		(false, true) => {
			format!("every machine that can connect to {address} may use this server: it has no keys")
		}
		(false, false) => {
			format!(
				"every machine that can connect to {address} may use this server: it has no keys and no encryption"
			)
		}
	};
	output.warn(next);
}

/// Describes the server that begins, as fields and as text.
fn announcement(
	output: &Output,
	gateway: &Gateway,
	address: SocketAddr,
	encryption: &Encryption,
	paid: Option<&Paid>,
) -> (Value, String) {
	let (model, scheme) = (gateway.model(), encryption.scheme());
	let (name, root) = (model.id(), format!("0x{}", model.manifest().model_root));
	let mut fields = json!({
		"address": address, "scheme": scheme, "model": name, "model_root": root, "context": model.context(),
	});
	let mut text = format!(
		"model {name} ({root}), context {}\npage       {scheme}://{address}/\ninterface  {scheme}://{address}/v1 (docs/gateway.md)",
		model.context()
	);
	if let Some(plain) = encryption.redirect() {
		fields["redirect"] = json!(plain);
		text.push_str(&format!("\nredirect   http://{plain}/"));
	}
	if let Some(offer) = paid.and_then(|paid| paid.offer.as_ref()) {
		fields["offer"] = offer.to_json();
		text.push_str(&terms(output, offer, model.context()));
	}
	(fields, text)
}

/// An offer in a line, behind a warning where this machine cannot keep to it.
fn terms(output: &Output, offer: &Offer, context: usize) -> String {
	if usize::try_from(offer.context).map_or(true, |promised| promised > context) {
		output.warn(format_args!(
			"offer {} promises a context of {} tokens, and this server holds {context}: give it more memory with --memory",
			offer.id, offer.context
		));
	}
	format!(
		"\noffer      {}: {} for 1,000 tokens read, {} for 1,000 written (docs/paying.md)",
		offer.id,
		amount::show(offer.prices.input),
		amount::show(offer.prices.output)
	)
}

/// Loads the model and starts its engine. Where receipts are signed, their answers are defended with the same weights.
fn load(output: &Output, args: &ServeArgs, is_loopback: bool) -> Outcome<(Gateway, Option<Defence>)> {
	let spinner = output.spinner("loading");
	let model = LocalModel::open(&args.model, args.threads)?;
	let defence = match args.paid.offer {
		// One thread: a defence has hours, and users wait for answers. Games, which have a clock, take all cores.
		Some(_) => Some(Defence {
			model: Arc::new(AnswerModel::of(&args.model, &model, Some(1))?),
			former: args.paid.also_defend.clone(),
		}),
		None => None,
	};
	let LocalModel { manifest, tokenizer, runner, .. } = model;
	drop(spinner);
	let vocabulary = runner.weights().shape.vocabulary;
	let limits = Limits {
		kv_bytes: args.memory,
		active: args.max_requests,
		waiting: args.max_requests,
		..Limits::default()
	};
	let engine = Batched::start(runner, tokenizer.clone(), manifest.ends.clone(), limits)
		.context_next("cannot serve the model", "give it more memory with --memory")?;
	let sizes = (engine.capacity(), vocabulary);
	let name = match &args.name {
		Some(name) => name.clone(),
		None => directory_name(&args.model)?,
	};
	let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
	let model = ServedModel::new(name, manifest, tokenizer, sizes, created)?;
	if model.has_default_template() {
		output.warn(
			"the checkpoint has no chat template: ChatML is used, which it may not have been trained on",
		);
	}
	let origins = args.allow_origin.iter().map(|origin| {
		origin.parse().map_err(|_| {
			Failure::new(format!("{origin:?} is not an origin")).next("name one such as https://chat.example")
		})
	});
	// Where only this machine's programs can ask, all of them have one address.
	let share = (!is_loopback).then(|| args.max_requests.div_ceil(4));
	let config = Config {
		places: args.max_requests,
		places_per_client: args.max_requests_per_client.or(share),
		body_memory: BODY_MEMORY,
		is_loopback,
		origins: origins.collect::<Outcome<Vec<_>>>()?,
		drain: Duration::from_secs(args.drain),
	};
	let mut gateway = Gateway::new(model, Box::new(engine), config)?;
	if let Some(page) = &args.page {
		gateway = gateway.with_page(page);
	}
	if let Some(sources) = captcha::sources(&args.people) {
		gateway = gateway.with_page_sources(&sources);
	}
	if args.share_model {
		gateway = gateway.with_model_files(&args.model);
	}
	Ok((gateway, defence))
}

/// Refuses a folder without a page.
fn ensure_page(folder: &Path) -> Outcome<()> {
	if folder.join("index.html").is_file() {
		return Ok(());
	}
	Err(Failure::new(format!("{} holds no page: it has no index.html", folder.display()))
		.kind(Kind::Refused)
		.next("build the page with scripts/page and name dashboard/dist, or leave --page away for the page that is built in"))
}

/// Returns the name of a directory, also of one such as `.`.
fn directory_name(dir: &Path) -> Outcome<String> {
	let name = dir.canonicalize()?.file_name().map(|name| name.to_string_lossy().into_owned());
	name.ok_or_else(|| {
		Failure::new("the directory of the model has no name").next("give the model one with --name")
	})
}
