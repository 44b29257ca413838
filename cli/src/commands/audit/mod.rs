//! `audit`: check what operators and nodes say, and have the chain prove it where it is wrong.

mod answer;
mod appeal;
mod challenge;
mod challenge_answer;
mod generation;
mod lists;
mod play;
mod replay;
mod score;
mod sources;
mod spot_check;
mod traces;

pub use play::{conclude, Player};

use crate::{args::AuditCommand, failure::Outcome, session::Session};

/// Audits.
pub async fn run(session: &Session, command: AuditCommand) -> Outcome<()> {
	match command {
		AuditCommand::Replay(args) => replay::run(session, args).await,
		AuditCommand::Score(args) => score::run(session, args).await,
		AuditCommand::Challenge(args) => challenge::run(session, args).await,
		AuditCommand::ChallengeAnswer(args) => challenge_answer::run(session, args).await,
		AuditCommand::Appeal(args) => appeal::run(session, args).await,
		AuditCommand::Games(args) => lists::games(session, args.submission).await,
		AuditCommand::Game { id } => lists::game(session, id).await,
		AuditCommand::SpotCheck(args) => spot_check::run(session, args).await,
		AuditCommand::Offences { account } => lists::offences(session, &account).await,
	}
}
