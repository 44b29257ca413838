//! `benchmark`: exact scores of open models.

mod compare;
mod suites;

use crate::{
	args::{BenchmarkCommand, BenchmarkRunArgs, BenchmarkSuiteArgs, SuiteSource},
	failure::{Context, Failure, Outcome},
	home::{write_private, Home},
	local_model::LocalModel,
	output::{table, Output},
	session::Session,
};
use blyan_benchmarks::{
	evaluate,
	generated::Generated,
	source::{read_text, FILE_BYTES_MAX},
	Format, Journal, OpenModel, Report, Sandbox, Subject, Suite,
};
use std::{fmt::Write, fs, io, path::Path};

/// Folder of journals, below the home directory.
const JOURNALS: &str = "benchmarks";

/// Runs a command on benchmarks, on a thread that may block.
pub async fn run(session: &Session, command: BenchmarkCommand) -> Outcome<()> {
	let (output, home) = (session.output.clone(), session.home.clone());
	let work = move || match command {
		BenchmarkCommand::List(args) => list(&output, &args),
		BenchmarkCommand::Run(args) => measure(&output, &home, &args),
		BenchmarkCommand::Compare(args) => compare::run(&output, &args),
	};
	tokio::task::spawn_blocking(work).await?
}

/// Lists suites, or the tasks of those that are named.
fn list(output: &Output, args: &BenchmarkSuiteArgs) -> Outcome<()> {
	if args.suite.is_empty() {
		let generated = Generated::ALL.iter().map(|suite| vec![suite.name().into(), suite.summary().into()]);
		let mut rows: Vec<Vec<String>> = generated.collect();
		rows.extend(
			Format::ALL.iter().map(|format| vec![format!("{}:FILE", format.name()), "published".into()]),
		);
		let value = serde_json::json!({
			"generated": Generated::ALL.map(Generated::name), "formats": Format::ALL.map(Format::name),
		});
		output.result(&value, table(&["suite", "tasks"], &rows));
		return Ok(());
	}
	for source in &args.suite {
		let suite = suites::read(source, args)?;
		for task in &suite.tasks {
			output.result(task, serde_json::to_string(task)?);
		}
		warn_of_skipped(output, &suite);
	}
	Ok(())
}

fn warn_of_skipped(output: &Output, suite: &Suite) {
	for (skip, count) in &suite.skipped {
		output.warn(format!("{}: {count} records left out: {}", suite.name, skip.reason()));
	}
}

/// Measures a model in all suites.
fn measure(output: &Output, home: &Home, args: &BenchmarkRunArgs) -> Outcome<()> {
	let all = Generated::ALL.map(SuiteSource::Generated);
	let sources = if args.suites.suite.is_empty() { all.as_slice() } else { args.suites.suite.as_slice() };
	// A suite that cannot be read is named before the first one is measured.
	let suites = sources.iter().map(|source| suites::open(source, &args.suites));
	let suites = suites.collect::<Outcome<Vec<_>>>()?;
	let spinner = output.spinner("loading");
	let LocalModel { manifest, tokenizer, runner, .. } = LocalModel::open(&args.dir, args.threads)?;
	let mut model = OpenModel::new(manifest.model_root, runner, tokenizer, manifest.ends);
	drop(spinner);
	let folder = home.create_dir(JOURNALS)?;
	let mut reports = Vec::new();
	for (suite, sandbox) in &suites {
		warn_of_skipped(output, suite);
		let report = report(output, &folder, args.fresh, suite, sandbox.as_ref(), &mut model)?;
		if output.is_json() {
			output.result(&report, "");
		}
		reports.push(report);
	}
	if let Some(path) = &args.save {
		let mut lines = String::new();
		for report in &reports {
			lines.push_str(&serde_json::to_string(report)?);
			lines.push('\n');
		}
		write_private(path, lines.as_bytes())?;
	}
	output.say(shown(&reports));
	Ok(())
}

/// Measures a model in one suite, behind the results that an earlier run has left.
fn report(
	output: &Output,
	folder: &Path,
	is_fresh: bool,
	suite: &Suite,
	sandbox: Option<&Sandbox>,
	model: &mut OpenModel,
) -> Outcome<Report> {
	let (identity, suite_root) = (model.identity(), hex::encode(suite.root()));
	if is_fresh {
		let path = Journal::path(folder, &suite_root, &identity);
		match fs::remove_file(&path) {
			Err(error) if error.kind() == io::ErrorKind::NotFound => {}
			removed => removed.context(path.display())?,
		}
	}
	let (mut journal, known) = Journal::open(folder, &suite_root, &identity)?;
	let bar = output.bar(&suite.name, suite.tasks.len() as u64);
	let mut done = known.len() as u64;
	bar.set(done);
	let results = evaluate(suite, model, sandbox, known, |result| {
		done += 1;
		bar.set(done);
		journal.push(result).map_err(|error| error.to_string())
	})?;
	Ok(Report::new(suite, identity, results))
}

fn shown(reports: &[Report]) -> String {
	let optional = |number: Option<u64>| number.map_or_else(|| "-".into(), |number| number.to_string());
	let rows: Vec<Vec<String>> = reports
		.iter()
		.map(|report| {
			let choices = report.choices;
			vec![
				report.suite.clone(),
				report.tasks.to_string(),
				report.right.to_string(),
				percent(report.right_ppm),
				report.standard_error_ppm.map_or_else(|| "-".into(), percent),
				optional(choices.map(|counts| counts.acc)),
				optional(choices.map(|counts| counts.acc_norm)),
				optional(choices.map(|counts| counts.ties)),
				format!("0x{}", report.root),
			]
		})
		.collect();
	let head = ["suite", "tasks", "right", "share", "+-", "acc", "acc_norm", "ties", "root"];
	let mut text = table(&head, &rows);
	for report in reports {
		for (verdict, count) in &report.verdicts {
			let _ = write!(text, "\n{}: {count} programs {verdict}", report.suite);
		}
		if report.unreadable > 0 {
			let _ = write!(text, "\n{}: {} answers without a number", report.suite, report.unreadable);
		}
		if report.cut > 0 {
			let _ = write!(text, "\n{}: {} questions cut at their beginning", report.suite, report.cut);
		}
	}
	text
}

/// Parts per million as percent.
fn percent(ppm: u64) -> String {
	format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100)
}

/// Reads the reports of a file, one a line, and checks that their numbers follow from their results.
pub(super) fn read_reports(path: &Path) -> Outcome<Vec<Report>> {
	let text = read_text(path, FILE_BYTES_MAX)?;
	let next = "write reports with: blyan benchmark run MODEL --save FILE";
	let reports = serde_json::Deserializer::from_str(&text)
		.into_iter()
		.collect::<Result<Vec<Report>, _>>()
		.context_next(path.display(), next)?;
	for report in &reports {
		report.validate().context(path.display())?;
	}
	match reports.is_empty() {
		true => Err(Failure::new(format!("{} has no report", path.display())).next(next)),
		false => Ok(reports),
	}
}
