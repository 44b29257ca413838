//! Step of the ladder at which a solved CAPTCHA takes a challenge away.

use crate::{
	accounts::Accounts,
	captcha::{Captcha, SOLUTION_BYTES_MAX},
	guard::BITS_MIN,
	refusal,
};
use blyan_gateway::till::Refusal;

impl Accounts {
	/// Asks for a CAPTCHA from the second challenge of a day on.
	pub fn with_captcha(mut self, captcha: std::sync::Arc<dyn Captcha>) -> Self {
		self.captcha = Some(captcha);
		self
	}

	/// Returns the service that a challenge of so many bits is left to; `None` where work is asked for.
	pub(crate) fn captcha_of(&self, bits: u32) -> Option<&dyn Captcha> {
		self.captcha.as_deref().filter(|_| bits > BITS_MIN)
	}

	/// Takes a solution, if one is asked for at present. A wrong one changes nothing: the request goes on, and is asked again.
	pub(crate) async fn take_captcha(&self, token: &str, solution: &str) -> Result<(), Refusal> {
		let Some(captcha) = self.captcha_asked(token) else { return Ok(()) };
		if solution.is_empty() || solution.len() > SOLUTION_BYTES_MAX {
			return Ok(());
		}
		let Ok(_place) = self.questions.try_acquire() else { return Err(refusal::captcha_unavailable()) };
		match captcha.verify(solution).await {
			Ok(true) => self.note_captcha(token),
			Ok(false) => {}
			Err(error) => {
				tracing::warn!("{error}");
				return Err(refusal::captcha_unavailable());
			}
		}
		Ok(())
	}

	/// Returns the service, if an account is asked for a solution. Otherwise it is not worth a question.
	fn captcha_asked(&self, token: &str) -> Option<&dyn Captcha> {
		let (now, state) = ((self.clock)(), self.lock());
		let challenge = state.challenges.get(state.sessions.account(token, now)?)?;
		self.captcha_of(challenge.bits)
	}

	/// Takes the challenge of an account away.
	fn note_captcha(&self, token: &str) {
		let (now, mut state) = ((self.clock)(), self.lock());
		let state = &mut *state;
		// It may have got another name meanwhile, or signed out.
		let Some(name) = state.sessions.account(token, now).map(str::to_owned) else { return };
		let is_asked =
			state.challenges.get(&name).is_some_and(|challenge| self.captcha_of(challenge.bits).is_some());
		if is_asked {
			state.challenges.remove(&name);
			state.guard.solve(&name);
		}
	}
}
