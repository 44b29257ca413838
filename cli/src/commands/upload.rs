//! `upload`: the bytes of a block that is on chain already.

use crate::{
	args::UploadArgs,
	client::{self, Client},
	failure::{Context, Failure, Kind, Outcome},
	output::Output,
	session::Session,
	submissions::is_open,
};
use blyan_primitives::SubmissionId;
use serde_json::json;

/// Uploads a file, the kept block of one submission, or the kept blocks of all open ones.
pub async fn run(session: &Session, args: UploadArgs) -> Outcome<()> {
	let client = session.connect().await?;
	let output = &session.output;
	if let Some(path) = &args.block {
		let bytes = std::fs::read(path)
			.context_next(path.display(), "name the .tblk that was submitted, or --submission N")?;
		return upload(&client, output, None, &bytes).await;
	}
	match args.submission {
		Some(id) => one(session, &client, id).await,
		None => all(session, &client).await,
	}
}

async fn one(session: &Session, client: &Client, id: SubmissionId) -> Outcome<()> {
	let store = session.submissions(client);
	let block = client.submission(id).await?.block;
	let kept = store.all()?.into_iter().find(|record| record.block == block).ok_or_else(|| {
		Failure::new(format!("the block of submission {id} is not in {}", store.folder().display()))
			.next("name its file: blyan upload FILE")
	})?;
	upload(client, &session.output, Some(id), &store.read(&kept)?).await
}

/// Everything that is open on chain and that the node lacks.
async fn all(session: &Session, client: &Client) -> Outcome<()> {
	let store = session.submissions(client);
	let (mut missing, mut there) = (0, 0);
	for record in store.all()?.into_iter().filter(|record| !record.closed) {
		let miner = crate::keys::parse_account(&record.miner)?;
		let found = super::submit::find(client, &miner, &record.block.tensor_root, record.submission).await?;
		let Some(info) = found.filter(is_open) else { continue };
		if client.has_blob(&record.block.blob.hash).await? {
			there += 1;
			continue;
		}
		missing += 1;
		upload(client, &session.output, Some(info.id), &store.read(&record)?).await?;
	}
	if missing == 0 {
		let text = match there {
			0 => format!(
				"nothing to upload: no block in {} belongs to an open submission",
				store.folder().display()
			),
			there => format!(
				"nothing to upload: the node has the blocks of all {there} open submissions kept here"
			),
		};
		session.output.result(&json!({ "uploaded": 0, "there": there }), text);
	}
	Ok(())
}

async fn upload(client: &Client, output: &Output, id: Option<SubmissionId>, bytes: &[u8]) -> Outcome<()> {
	let hash = client::hash(bytes);
	if client.has_blob(&hash).await? {
		let fields = json!({ "submission": id, "blob": hash, "bytes": bytes.len(), "there": true });
		output.event("uploaded", fields, format!("uploaded   nothing: the node has blob {hash:?} already"));
		return Ok(());
	}
	if !client.is_announced(&hash).await? {
		return Err(Failure::new(format!("no model and no open submission names blob {hash:?}"))
			.kind(Kind::Refused)
			.next("submit it first: blyan submit FILE --slot LAYER.EXPERT; or wait until the node has seen its block"));
	}
	client::upload(client, output, bytes).await?;
	let of = id.map_or(String::new(), |id| format!(" of submission {id}"));
	let fields = json!({ "submission": id, "blob": hash, "bytes": bytes.len(), "there": false });
	output.event("uploaded", fields, format!("uploaded   {} bytes{of}, blob {hash:?}", bytes.len()));
	Ok(())
}
