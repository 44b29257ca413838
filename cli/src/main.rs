//! `blyan`: train, submit and use experts of a model that lives on a chain.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod amount;
mod answer_referee;
mod args;
mod authority;
mod client;
mod commands;
mod commitment;
mod demo;
mod engine;
mod failure;
mod following;
mod home;
mod keeper_texts;
mod keys;
mod learning;
mod local_model;
mod mining;
mod model_dir;
mod names;
mod node_book;
mod open_dir;
mod output;
mod pace;
mod paying;
mod pins;
mod plot;
mod pow;
mod progress;
mod records;
mod referee;
mod seed_file;
mod session;
mod slot;
mod submissions;
mod vault;
mod verdict;

use blyan_client::chain_model;

use args::{ChatModel, Cli, Command};
use clap::Parser;
use failure::{ExitStatus, Failure, Outcome};
use output::Output;
use session::Session;
use std::process::ExitCode;

fn main() -> ExitCode {
	let cli = Cli::parse();
	let output = Output::new(cli.global.json);
	let result =
		tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::from).and_then(
			|runtime| {
				let result = runtime.block_on(run(cli, output.clone()));
				// Training threads may still be in a step; Ctrl-C does not wait for them.
				runtime.shutdown_background();
				result
			},
		);
	match result {
		Ok(()) => ExitCode::SUCCESS,
		Err(failure) => {
			output.failure(&failure);
			ExitCode::from(failure.kind.exit_code())
		}
	}
}

/// Runs the command until it ends or the user presses Ctrl-C.
///
/// Dropping a command's future is its cancellation: whatever it holds (a child process, a bar) cleans
/// up after itself. A server ends by itself, because its readers are to be told.
async fn run(cli: Cli, output: Output) -> Outcome<()> {
	let session = Session::new(&cli.global, output)?;
	let ends_by_itself = matches!(cli.command, Command::Serve(_) | Command::Connect(_));
	tokio::select! {
		result = dispatch(&session, cli.command) => result,
		() = interrupted(), if !ends_by_itself => Err(Failure::interrupted()),
	}
}

/// Ends at Ctrl-C or when the process is asked to terminate.
async fn interrupted() {
	use tokio::signal::unix::{signal, SignalKind};
	match signal(SignalKind::terminate()) {
		Ok(mut terminate) => tokio::select! {
			_ = tokio::signal::ctrl_c() => {},
			_ = terminate.recv() => {},
		},
		Err(_) => drop(tokio::signal::ctrl_c().await),
	}
}

async fn dispatch(session: &Session, command: Command) -> Outcome<()> {
	use commands::*;
	match command {
		Command::Keys(command) => keys::run(session, command),
		Command::Dataset(command) => dataset::run(session, command).await,
		Command::Holdout(command) => holdout::run(session, command).await,
		Command::Block(command) => block::run(session, command),
		Command::Model(command) => model::run(session, command).await,
		Command::Benchmark(command) => benchmark::run(session, command).await,
		Command::Train(command) => train::run(session, command).await,
		Command::Mine(args) => mine::run(session, *args).await,
		Command::Submit(args) => submit::run(session, args).await,
		Command::Upload(args) => upload::run(session, args).await,
		Command::Withdraw(args) => withdraw::run(session, args).await,
		Command::ReportCopy(args) => report_copy::run(session, args).await,
		Command::Demo(args) => crate::demo::run(session, args).await,
		Command::Experts(args) => lists::experts(session, args).await,
		Command::Models => lists::models(session).await,
		Command::Submissions(args) => lists::submissions(session, args).await,
		Command::Audit(command) => audit::run(session, command).await,
		Command::Operator(command) => operator::run(session, command).await,
		Command::Delegate(args) => delegations::delegate(session, args).await,
		Command::Undelegate(args) => delegations::undelegate(session, args).await,
		Command::Delegations(command) => delegations::run(session, command).await,
		Command::Referenda(command) => referenda::run(session, command).await,
		Command::Propose(args) => referenda::propose(session, *args).await,
		Command::Vote(args) => referenda::vote(session, args).await,
		Command::Emergency(command) => emergency::run(session, command).await,
		Command::Evolution(command) => evolution::run(session, command).await,
		Command::Operators => lists::operators(session).await,
		Command::Accounts(command) => accounts::run(session, command),
		Command::Balance(args) => account::balance(session, args).await,
		Command::Transfer(args) => account::transfer(session, args).await,
		Command::Chat(args) if args.session.is_some() => paid_chat::run(session, args).await,
		Command::Chat(args) => match args.model.clone() {
			ChatModel::Chain(_) => chat::run(session, args).await,
			ChatModel::Directory(dir) => local_chat::run(session, args, dir).await,
		},
		Command::Serve(args) => serve::run(session, *args).await,
		Command::Offer(command) => offer::run(session, command).await,
		Command::Session(command) => sessions::run(session, command).await,
		Command::Connect(args) => connect::run(session, args).await,
		Command::Receipts(command) => receipts::run(session, command).await,
		Command::Status(args) => status::run(session, args).await,
		Command::Network(command) => network::run(session, command).await,
	}
}
