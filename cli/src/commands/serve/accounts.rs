//! `serve --accounts`: people in front of the till.

use super::captcha;
use crate::{
	args::AccountsServeArgs,
	commands::accounts::folder,
	failure::{Context, Failure, Kind, Outcome},
	session::Session,
};
use blyan_accounts::{router, Accounts, AccountsTill, Config};
use blyan_gateway::{AccessLine, AccessLog, Free, Gateway, Till};
use std::{
	fs::File,
	io::Write,
	net::SocketAddr,
	os::unix::fs::OpenOptionsExt,
	path::Path,
	sync::{Arc, Mutex, PoisonError},
};

/// Opens the accounts that the arguments ask for. `is_paid`: a till behind decides about those who bring something else. `is_encrypted`: the server itself
/// has TLS.
pub fn open(
	session: &Session,
	args: &AccountsServeArgs,
	address: SocketAddr,
	is_paid: bool,
	is_encrypted: bool,
) -> Outcome<Option<Arc<Accounts>>> {
	if !args.accounts {
		return Ok(None);
	}
	let (domains, is_named_secure) = domains(&args.domain, address)?;
	let captcha = captcha::open(args, &domains)?;
	let config = Config {
		domains,
		is_secure: is_encrypted || is_named_secure,
		folder: folder(session)?,
		free_tokens_per_day: args.free_tokens_a_day,
		requires_account: !is_paid,
	};
	if args.free_tokens_a_day == 0 && !is_paid {
		session.output.warn(
			"accounts have nothing to ask for: give tokens away with --free-tokens-a-day, or serve for money with --offer",
		);
	}
	let accounts = Accounts::open(config).context_next(
		"the accounts cannot be opened",
		"another server may hold them: end that one first, or give this one a --home of its own",
	)?;
	Ok(Some(Arc::new(match captcha {
		Some(captcha) => accounts.with_captcha(captcha),
		None => accounts,
	})))
}

/// Puts accounts, if there are any, and the till, if there is one, in front of the model.
pub fn mount(gateway: Gateway, accounts: Option<Arc<Accounts>>, till: Option<Arc<dyn Till>>) -> Gateway {
	match (accounts, till) {
		(None, None) => gateway,
		(None, Some(till)) => gateway.with_till(till),
		(Some(accounts), till) => {
			let till = till.unwrap_or_else(|| Arc::new(Free));
			let routes = router(accounts.clone());
			gateway.with_till(Arc::new(AccountsTill::new(accounts, till))).with_routes(routes)
		}
	}
}

/// Returns domains without their schemes, and whether they are asked by TLS.
fn domains(named: &[String], address: SocketAddr) -> Outcome<(Vec<String>, bool)> {
	if named.is_empty() {
		if !address.ip().is_loopback() {
			return Err(Failure::new("people sign in by the name of this server, which is not known")
				.kind(Kind::Refused)
				.next("name the domain that they open it by, such as --domain chat.example"));
		}
		return Ok((vec![address.to_string(), format!("localhost:{}", address.port())], false));
	}
	let is_secure = !named.iter().all(|domain| domain.starts_with("http://"));
	let bare = named.iter().map(|domain| {
		let bare = domain.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
		match bare.is_empty() || bare.contains(['/', ' ', '@', '?', '#']) {
			true => {
				Err(Failure::new(format!("{domain:?} is not a domain")).next("name one such as chat.example"))
			}
			false => Ok(bare.to_ascii_lowercase()),
		}
	});
	Ok((bare.collect::<Outcome<Vec<_>>>()?, is_secure))
}

/// Opens the access log.
pub fn access_log(path: &Path) -> Outcome<AccessLog> {
	// Addresses of people are in it.
	let file = File::options().create(true).append(true).mode(0o600).open(path);
	let file =
		Mutex::new(file.context_next(path.display(), "name a file that can be written with --access-log")?);
	Ok(Box::new(move |line: &AccessLine<'_>| {
		let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
		let seconds = time.map_or(0, |time| time.as_secs());
		let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
		// A disk that is full must not keep people from answers.
		drop(writeln!(file, "{seconds} {line}"));
	}))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_server_knows_the_names_that_it_is_opened_by() {
		let here: SocketAddr = "127.0.0.1:8000".parse().unwrap();
		let there: SocketAddr = "0.0.0.0:8000".parse().unwrap();
		assert_eq!(
			domains(&[], here).unwrap(),
			(vec!["127.0.0.1:8000".into(), "localhost:8000".into()], false)
		);
		assert!(domains(&[], there).unwrap_err().next.unwrap().contains("--domain"));
		let named = |domain: &str| domains(&[domain.to_owned()], there);
		assert_eq!(named("https://Chat.example/").unwrap(), (vec!["chat.example".into()], true));
		assert_eq!(named("http://box.lan:8000").unwrap(), (vec!["box.lan:8000".into()], false));
		assert!(named("chat.example/page").is_err() && named("https://").is_err());
	}

	#[test]
	fn lines_are_appended_to_the_access_log() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("access.log");
		std::fs::write(&path, "before\n").unwrap();
		let log = access_log(&path).unwrap();
		let method = axum::http::Method::GET;
		log(&AccessLine {
			client: [192, 0, 2, 1].into(),
			method: &method,
			route: "/v1/models",
			status: 200,
			refusal: None,
			duration: std::time::Duration::from_millis(7),
		});
		let text = std::fs::read_to_string(&path).unwrap();
		assert!(
			text.starts_with("before\n") && text.ends_with(" 192.0.2.1 GET /v1/models 200 - 7ms\n"),
			"{text}"
		);
		assert!(access_log(dir.path()).is_err());
		let fresh = dir.path().join("fresh.log");
		drop(access_log(&fresh).unwrap());
		let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&fresh).unwrap().permissions());
		assert_eq!(mode & 0o077, 0, "addresses of people are in it");
	}
}
