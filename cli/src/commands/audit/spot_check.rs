//! `audit spot-check`: whether a node has the model that the chain names, asked for at random places.

use crate::{
	args::SpotCheckArgs,
	chain_model::first_config,
	failure::{Context, Failure, Outcome},
	session::Session,
	slot::SlotName,
};
use blyan_client::Tile;
use blyan_engine::tiles::ProvenTile;
use blyan_exact::block::{BlockShape, Layout};
use blyan_primitives::BlockRef;
use rand::{rngs::StdRng, Rng, SeedableRng};
use serde_json::json;

/// Asks for random tiles and checks each against the chain's tensor roots.
pub async fn run(session: &Session, args: SpotCheckArgs) -> Outcome<()> {
	let client = session.connect().await?;
	let output = &session.output;
	let model = client.model(args.model).await?;
	let config = first_config(&model)?;
	let trunk = model.trunk().ok_or_else(|| Failure::new("the model has no trunk"))?;
	let per_layer = usize::from(config.experts).max(1);
	let shapes = [BlockShape::Trunk(config), BlockShape::expert_of(&config)];
	let [trunk_tiles, expert_tiles] = shapes.map(|shape| Layout::new(shape).map_or(0, |layout| layout.tiles));
	let total = trunk_tiles + expert_tiles * model.heads.len();
	if total == 0 {
		return Err(Failure::new(format!("model {} has no tiles", args.model)));
	}
	let mut rng = StdRng::seed_from_u64(args.seed.unwrap_or_else(rand::random));
	let mut lies = Vec::new();
	let bar = output.bar("tiles", args.tiles.into());
	for count in 0..args.tiles {
		// Every tile of the model is as likely as any other.
		let chosen = rng.gen_range(0..total);
		let (name, block, shape, tile): (String, &BlockRef, BlockShape, usize) = match chosen
			.checked_sub(trunk_tiles)
		{
			None => ("trunk".into(), trunk, shapes[0], chosen),
			Some(rest) => {
				let index = rest / expert_tiles;
				let head = model.heads.get(index).ok_or_else(|| Failure::new("the model lacks a head"))?;
				let (layer, expert) = (u8::try_from(index / per_layer)?, u16::try_from(index % per_layer)?);
				(SlotName { layer, expert }.to_string(), &head.block, shapes[1], rest % expert_tiles)
			}
		};
		let tile = u32::try_from(tile)?;
		let answer = match client.tile(&block.blob.hash, tile).await {
			Ok(Tile { bytes, tiles_root, path }) => {
				let proven = ProvenTile { bytes, tiles: tiles_root, path };
				proven.verify(shape, &block.tensor_root, tile).map_err(|error| error.to_string())
			}
			Err(failure) if failure.kind == crate::failure::Kind::Refused => Err(failure.message),
			Err(failure) => return Err(failure).context("the node"),
		};
		if let Err(reason) = answer {
			let fields =
				json!({ "block": name, "tile": tile, "tensor_root": block.tensor_root, "reason": reason });
			output.event("lie", fields, format!("wrong      {name}, tile {tile}: {reason}"));
			lies.push(name);
		}
		bar.set(u64::from(count) + 1);
	}
	let (tiles, wrong) = (args.tiles, lies.len());
	let fields = json!({ "model": args.model, "tiles": tiles, "of": total, "wrong": wrong });
	let text = format!("checked    {tiles} tiles of the {total} of model {}: {wrong} wrong", args.model);
	output.event("spot_check", fields, text);
	match wrong {
		0 => Ok(()),
		_ => Err(Failure::new(format!("{wrong} of {tiles} tiles are not what the chain names"))
			.next("ask another node with --url; this one cannot be trusted with the model")),
	}
}
