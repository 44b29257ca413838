//! Blobs from one node to another, beside a plain copy of the same bytes through the same kernel.

use blyan_e2e::{wait_until, Chain, Files, NodeConfig, World, SLOT};
use blyan_primitives::{HoldoutRef, ModelInfo};
use blyan_runtime_api::SubmissionState;
use codec::Encode;
use serde_json::{json, Value};
use sp_core::H256;
use std::{
	fs::File,
	io::{Read, Write},
	net::{TcpListener, TcpStream},
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

/// The largest blob there is.
const BLOB_BYTES: usize = 64 << 20;
/// Times that each side is measured; the median counts.
const ROUNDS: usize = 5;
/// Bytes that the copy moves at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Throughput of the exchange as a share of a copy's, and how long an operator takes that lacks an expert.
pub async fn measure() -> Value {
	let whole =
		throughput("64 MiB, verified as a whole", &|files| files.model_with_holdout(BLOB_BYTES), |model| {
			model.holdout
		})
		.await;
	let tiles =
		throughput("a large trunk, verified tile by tile", &|files| files.large_model("large"), |model| {
			model.trunk
		})
		.await;
	let scoring = scoring().await;
	json!({ "share_of_copy": whole["share"], "blob": whole, "trunk": tiles, "scoring": scoring })
}

/// Blobs of a model that are measured.
struct Blobs {
	trunk: (H256, u64),
	holdout: (H256, u64),
}

async fn throughput(
	what: &str,
	make: &dyn Fn(&Files) -> PathBuf,
	choose: impl Fn(&Blobs) -> (H256, u64),
) -> Value {
	let files = Files::new();
	let model = make(&files);
	let spec = files.spec(&model);
	let giver = {
		let mut config = NodeConfig::new(&files.path("giver")).operators(&[]).open();
		(config.model, config.block_time_ms) = (Some(model), 3_000);
		config.start()
	};
	let chain = Chain::connect(&giver.url()).await;
	let info: ModelInfo = chain
		.runtime_api::<Option<_>>("ModelsApi_model", &0u32.encode())
		.await
		.expect("the chain has a model");
	let holdout = chain.runtime_api::<Option<HoldoutRef>>("ModelsApi_holdout", &0u32.encode()).await;
	let holdout = holdout.expect("the model has a holdout").blob;
	let trunk = info.trunk().expect("the model is of the first definition").blob;
	let (hash, bytes) = choose(&Blobs {
		trunk: (trunk.hash, trunk.size.into()),
		holdout: (holdout.hash, holdout.size.into()),
	});
	let stored = files.path("giver/chains/blyan-dev/blobs").join(format!("{hash:x}"));

	let (mut exchanged, mut copied, mut copied_over, mut sent) = (vec![], vec![], vec![], vec![]);
	let over = files.path("copied over");
	copy(&stored, &over);
	for round in 0..ROUNDS {
		// Both sides in turn, so that both see the same machine. Both write a new file: one that is written over
		// keeps its pages, and on a virtual machine a page that was never used is the dearest part of a copy.
		copied.push(copy(&stored, &files.path(&format!("copy{round}"))));
		copied_over.push(copy(&stored, &over));
		sent.push(send(&stored));
		let taker = NodeConfig::new(&files.path(&format!("taker{round}")))
			.without_model(&spec)
			.operators(&[])
			.args(&["--blob-prefetch", "always"])
			.following(&giver)
			.start();
		let line = format!("Blob {hash:?} of {bytes} bytes is here after ");
		let seconds = wait_until("the blob", || async {
			let log = taker.log();
			let rest = log.split_once(&line)?.1;
			rest.split_once(" s")?.0.parse::<f64>().ok()
		})
		.await;
		exchanged.push(seconds);
		// With the other node still there, as it was when the blob came.
		copied.push(copy(&stored, &files.path(&format!("copy{round} beside"))));
	}
	let [exchanged, copied, copied_over, sent] = [exchanged, copied, copied_over, sent].map(median);
	let mib_per_second = |seconds: f64| bytes as f64 / (1 << 20) as f64 / seconds;
	eprintln!(
		"{what}: {:.0} MiB/s between two nodes, {:.2} of a copy over TCP into a new file ({:.0} MiB/s), {:.2} of one \
		over an old file ({:.0} MiB/s), {:.2} of TCP into nothing ({:.0} MiB/s)",
		mib_per_second(exchanged),
		copied / exchanged,
		mib_per_second(copied),
		copied_over / exchanged,
		mib_per_second(copied_over),
		sent / exchanged,
		mib_per_second(sent),
	);
	json!({
		"share": copied / exchanged,
		"share_of_copy_over_old": copied_over / exchanged,
		"share_of_bare_tcp": sent / exchanged,
		"bytes": bytes,
		"seconds": exchanged,
		"copy_seconds": copied,
		"copy_over_old_seconds": copied_over,
		"bare_tcp_seconds": sent,
		"rounds": ROUNDS,
	})
}

fn median(mut seconds: Vec<f64>) -> f64 {
	seconds.sort_by(f64::total_cmp);
	seconds[seconds.len() / 2]
}

/// Seconds to send a file over a TCP connection of this machine and write it to another that survives a power cut,
/// as a store must.
fn copy(from: &Path, to: &Path) -> f64 {
	transfer(from, |mut socket| {
		let mut file = File::create(to).expect("the copy can be written");
		let mut buffer = vec![0; BUFFER_BYTES];
		loop {
			match socket.read(&mut buffer).expect("the sender sends") {
				0 => break,
				len => file.write_all(&buffer[..len]).expect("the copy can be written"),
			}
		}
		file.sync_all().expect("the copy can be synced");
	})
}

/// The same without writing anything.
fn send(from: &Path) -> f64 {
	transfer(from, |mut socket| {
		let mut buffer = vec![0; BUFFER_BYTES];
		while socket.read(&mut buffer).expect("the sender sends") > 0 {}
	})
}

fn transfer(from: &Path, receive: impl FnOnce(TcpStream)) -> f64 {
	let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback interface has a free port");
	let address = listener.local_addr().expect("a bound socket has an address");
	let from = from.to_path_buf();
	let began = Instant::now();
	let sender = std::thread::spawn(move || {
		let mut socket = TcpStream::connect(address).expect("the receiver listens");
		let mut file = File::open(from).expect("the blob is in the giver's store");
		let mut buffer = vec![0; BUFFER_BYTES];
		loop {
			match file.read(&mut buffer).expect("the blob can be read") {
				0 => break,
				len => socket.write_all(&buffer[..len]).expect("the receiver receives"),
			}
		}
	});
	let (socket, _) = listener.accept().expect("the sender connects");
	receive(socket);
	sender.join().expect("the sender ends");
	began.elapsed().as_secs_f64()
}

/// Seconds from an upload at one node until another node's operators have the bytes, and have sealed their score.
async fn scoring() -> Value {
	let world = World::with(|config| config.operators(&[]).open()).await;
	let operators = NodeConfig::new(&world.files.path("operators")).following(&world.node).start();
	let noise = world.files.noise(1);
	world.command.expect(&[
		"submit",
		&noise.arg(),
		"--slot",
		SLOT,
		"--suri",
		"//Dave",
		"--no-upload",
		"--no-wait",
	]);
	// The committee waits for nothing but the bytes.
	world
		.chain
		.wait_for_submission(0, "under evaluation", |info| {
			matches!(info.state, SubmissionState::Evaluating(_)).then_some(())
		})
		.await;
	world.chain.wait_for_blocks(2).await;
	let (hash, other) = (noise.block.blob.hash, Chain::connect(&operators.url()).await);
	let began = Instant::now();
	world.chain.upload(hash, &noise.bytes()).await.expect("the blob was announced");
	wait_until("the bytes at the operators' node", || async {
		let has = other.has_blob(hash).await;
		if !has {
			tokio::time::sleep(Duration::from_millis(5)).await;
		}
		has.then_some(())
	})
	.await;
	let fetched = began.elapsed().as_secs_f64();
	world
		.chain
		.wait_for_submission(0, "sealed", |info| match &info.state {
			SubmissionState::Evaluating(evaluation) => (evaluation.sealed == 3).then_some(()),
			_ => Some(()),
		})
		.await;
	let sealed = began.elapsed().as_secs_f64();
	eprintln!(
		"an expert of {} bytes: {fetched:.2} s to the operators' node, {sealed:.2} s until sealed",
		noise.bytes().len()
	);
	json!({ "bytes": noise.bytes().len(), "fetched_seconds": fetched, "sealed_seconds": sealed, "block_ms": 500 })
}
