//! Plays faults to a network and reports what came of it.
//!
//! Every scenario is the same story: something is accepted, something fails, it is repaired, and then finality comes
//! back on every node, nothing accepted is gone, the books reconcile and no node panicked.

#[cfg(target_os = "linux")]
mod books;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod scenarios;
#[cfg(target_os = "linux")]
mod stage;

#[cfg(target_os = "linux")]
mod program {
	use crate::{
		report::{table, Row, Verdict},
		scenarios::{Scenario, Settings, ALL},
		stage::Stage,
	};
	use blyan_e2e::network::Wire;
	use clap::Parser;
	use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

	/// Plays faults to a network of four validators, two collators and three operators.
	#[derive(Debug, Parser)]
	pub struct Args {
		/// Which ones; all if none is named.
		scenarios: Vec<String>,
		/// List them.
		#[arg(long)]
		list: bool,
		/// Minutes for which members are killed at random.
		#[arg(long, default_value_t = 5.0)]
		minutes: f64,
		/// Seconds for which the other faults last.
		#[arg(long, default_value_t = 60)]
		hold: u64,
		/// A newer runtime (WebAssembly), for the scenario that needs one.
		#[arg(long, value_name = "FILE")]
		next_runtime: Option<PathBuf>,
		/// Where the members keep their data; a temporary folder if absent. Logs stay here.
		#[arg(long, value_name = "DIR")]
		dir: Option<PathBuf>,
		/// Also write the rows here, one JSON value a line.
		#[arg(long, value_name = "FILE")]
		json: Option<PathBuf>,
	}

	/// Plays what the command line asks for.
	pub async fn run() -> ExitCode {
		let args = Args::parse();
		if args.list {
			ALL.iter().for_each(|scenario| println!("{:<16} {}", scenario.name, scenario.about));
			return ExitCode::SUCCESS;
		}
		let unknown = args.scenarios.iter().find(|name| ALL.iter().all(|known| known.name != **name));
		if let Some(name) = unknown {
			eprintln!("there is no scenario {name:?}; --list shows them");
			return ExitCode::from(2);
		}
		if let Err(missing) = Wire::is_possible() {
			eprintln!("nothing can be played here: {missing}");
			return ExitCode::from(2);
		}
		let is_wanted = |scenario: &&Scenario| {
			args.scenarios.is_empty() || args.scenarios.iter().any(|name| name == scenario.name)
		};
		let rows = tokio::select! {
			rows = play(&args, ALL.iter().filter(is_wanted).collect()) => rows,
			// What is dropped then ends the members and takes their machines away.
			_ = tokio::signal::ctrl_c() => {
				eprintln!("interrupted");
				return ExitCode::from(130);
			}
		};
		println!("\n{}", table(&rows));
		match rows.iter().any(|row| row.verdict == Verdict::Failed) {
			true => ExitCode::FAILURE,
			false => ExitCode::SUCCESS,
		}
	}

	async fn play(args: &Args, scenarios: Vec<&Scenario>) -> Vec<Row> {
		let temporary = tempfile::tempdir().expect("the temporary directory can be written");
		let dir = args.dir.clone().unwrap_or_else(|| temporary.path().to_path_buf());
		let settings = Settings {
			hold: Duration::from_secs(args.hold),
			kill_for: Duration::from_secs_f64(args.minutes * 60.0),
			next_runtime: args.next_runtime.clone(),
		};
		let mut rows = Vec::new();
		let mut stage: Option<Arc<Stage>> = None;
		for scenario in scenarios {
			let row = match (scenario.obstacle)(&settings) {
				Some(obstacle) => Row::not_run(scenario.name, &obstacle),
				None => {
					let set = match stage.take() {
						Some(stage) => Ok(stage),
						None => {
							eprintln!("==> a network starts");
							let network = dir.join(format!("network-{}", rows.len()));
							// What panics there is told like a failure of the scenario that needed it.
							tokio::spawn(async move { Arc::new(Stage::set(&network).await) }).await
						}
					};
					match set {
						Ok(set) => {
							eprintln!("==> {}: {}", scenario.name, scenario.about);
							let row = scenario.play(&set, settings.clone()).await;
							// After a failure nobody knows what state the network is in: the next one gets its own.
							stage = (row.verdict == Verdict::Passed).then_some(set);
							row
						}
						Err(panic) => Row::failed(scenario.name, &format!("no network: {panic}")),
					}
				}
			};
			eprintln!("    {}", table(std::slice::from_ref(&row)).lines().last().unwrap_or_default());
			rows.push(row);
			write_json(args, &rows);
		}
		rows
	}

	/// Writes the results so far, which outlive an interruption.
	fn write_json(args: &Args, rows: &[Row]) {
		let Some(path) = &args.json else { return };
		let lines: Vec<String> = rows.iter().filter_map(|row| serde_json::to_string(row).ok()).collect();
		if let Err(error) = std::fs::write(path, lines.join("\n") + "\n") {
			eprintln!("cannot write {}: {error}", path.display());
		}
	}
}

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> std::process::ExitCode {
	program::run().await
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
	eprintln!("faults are played in network namespaces, which only Linux has");
	std::process::ExitCode::from(2)
}
