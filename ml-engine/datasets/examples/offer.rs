//! A dataset of many gigabytes in bounded memory: makes JSON lines, makes a dataset of them, and prints what it took as one line of JSON.
//!
//! `offer DIR [MIB [MEMORY]]`; 2,048 MiB of text and 256 MiB of memory for sorting if absent. DIR holds twice the text in the end. Where
//! DIR/offer.jsonl is there already, it is the source, and a job that was killed goes on.

use blyan_datasets::{
	job::{create, Options, Sizes, MEMORY_BYTES_MAX},
	Licence,
};
use std::{
	env,
	error::Error,
	fs::{self, File},
	io::{BufRead, BufReader, BufWriter, Write},
	path::Path,
	time::Instant,
};

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = env::args().skip(1);
	let folder = arguments.next().ok_or("say where: offer DIR [MIB]")?;
	let mib = arguments.next().map_or(Ok(2_048), |mib| mib.parse::<u64>())?;
	let memory = arguments.next().map_or(Ok(MEMORY_BYTES_MAX >> 20), |mib| mib.parse::<usize>())?;
	let folder = Path::new(&folder);
	let source = folder.join("offer.jsonl");
	if !source.exists() {
		fs::create_dir(folder)?;
		write(&source, mib << 20)?;
	}
	let rows = BufReader::new(File::open(&source)?).lines().count();
	let before = peak_bytes()?;
	let began = Instant::now();
	let sizes = Sizes { memory_bytes_max: memory << 20, ..Sizes::default() };
	let options = Options { licence: Some(Licence::parse("CC0-1.0")?), sizes, ..Options::default() };
	let report = create(std::slice::from_ref(&source), &folder.join("dataset"), &options, &mut |_| true)?;
	let seconds = began.elapsed().as_secs_f64();
	let value = serde_json::json!({
		"bench": "offer",
		"bytes": fs::metadata(&source)?.len(),
		"rows": rows,
		"documents": report.manifest.documents,
		"left_out": report.manifest.counts.left_out,
		"seconds": seconds as u64,
		"rows_per_second": (rows as f64 / seconds) as u64,
		"peak_mib_before": before >> 20,
		"peak_mib": peak_bytes()? >> 20,
	});
	println!("{value}");
	Ok(())
}

/// Rows of drawn words, of which one in eight is an exact copy and one in eight a near one.
fn write(path: &Path, bytes_max: u64) -> Result<(), Box<dyn Error>> {
	let mut file = BufWriter::new(File::create(path)?);
	let (mut bytes, mut rows, mut text) = (0, 0_u64, String::new());
	while bytes < bytes_max {
		match rows % 8 {
			3 => {}
			5 => text.push_str("and so on"),
			_ => {
				text.clear();
				let mut state = (rows + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
				for _ in 0..160 {
					state ^= state << 13;
					state ^= state >> 7;
					state ^= state << 17;
					// Words of letters: what is made of numbers only is no text.
					text.extend([0, 6, 12, 18].map(|shift| char::from(b'a' + (state >> shift & 15) as u8)));
					text.push(' ');
				}
			}
		}
		let line = serde_json::json!({ "text": text }).to_string();
		bytes += line.len() as u64 + 1;
		rows += 1;
		writeln!(file, "{line}")?;
	}
	file.flush()?;
	Ok(())
}

/// Largest memory of this process so far.
fn peak_bytes() -> Result<u64, Box<dyn Error>> {
	let status = fs::read_to_string("/proc/self/status")?;
	let line =
		status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
	let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
	Ok(kib << 10)
}
