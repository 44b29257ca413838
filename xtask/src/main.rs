//! The project's gate and its recipes. `cargo xtask` lists everything that can be run.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod facts;
mod new_pallet;
mod recipes;
mod tidy;
mod tree;
mod workspace;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::{
	path::{Path, PathBuf},
	process::ExitCode,
};

/// The project's gate and its recipes. Without a command it lists them.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
	#[command(subcommand)]
	command: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
	/// Checks what no compiler checks: layers, circles, lengths, words, links, scripts.
	Tidy {
		/// Lowers the ratchets to what the tree has now; raises none.
		#[arg(long, conflicts_with = "rebase")]
		update: bool,
		/// Takes the tree as it is for the ratchets, and prints what that raises.
		#[arg(long)]
		rebase: bool,
	},
	/// Writes a pallet that compiles, and enters it in the workspace and in the layers.
	NewPallet {
		/// Its name as the folder has it: lower case, words joined by hyphens.
		name: String,
	},
}

fn main() -> ExitCode {
	match run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("error: {error:#}");
			ExitCode::FAILURE
		}
	}
}

fn run() -> Result<()> {
	let root = root()?;
	match Arguments::parse().command {
		None => print!("{}", recipes::list(&tree::Tree::read(&root)?)),
		Some(Task::Tidy { update, rebase }) => {
			let mode = match (update, rebase) {
				(true, _) => tidy::Mode::Update,
				(_, true) => tidy::Mode::Rebase,
				_ => tidy::Mode::Check,
			};
			tidy::run(&root, mode)?;
		}
		Some(Task::NewPallet { name }) => {
			for line in new_pallet::write(&root, &name)? {
				println!("{line}");
			}
		}
	}
	Ok(())
}

/// Root of the tree: the folder above this crate's, as cargo names it when it runs the program.
fn root() -> Result<PathBuf> {
	let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
		.context("run this as `cargo xtask`, which says where the tree is")?;
	Path::new(&manifest).parent().map(Path::to_owned).context("the crate xtask has no folder above it")
}
