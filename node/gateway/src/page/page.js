"use strict";
// The conversation lives in this page and nowhere else. Text of the model is only ever set as text, never as markup.
(() => {
	const at = (id) => document.getElementById(id);
	const conversation = [];
	let model = null;
	let running = null;
	// Prices in planck per 1,000 tokens, as BigInt: a number does not hold them.
	let prices = null;
	let quoted = null;

	const element = (name, className, text) => {
		const made = document.createElement(name);
		if (className) made.className = className;
		if (text) made.textContent = text;
		return made;
	};

	const show = (role, text) => {
		const article = element("article", role);
		article.append(element("h2", "", role === "user" ? "You" : "Model"));
		const body = element("p", "text", text);
		const note = element("p", "note");
		article.append(body, note);
		at("messages").append(article);
		article.scrollIntoView({ block: "end" });
		return { article, body, note };
	};

	// The message of an error, whatever the server or a proxy in front of it answers.
	const reason = async (response) => {
		const text = await response.text();
		try {
			return JSON.parse(text).error.message;
		} catch {
			return `${response.status} ${text.slice(0, 200)}`;
		}
	};

	const request = (turns) => {
		const system = at("system").value.trim();
		const messages = system ? [{ role: "system", content: system }, ...turns] : turns;
		const body = { model, messages, stream: true, stream_options: { include_usage: true } };
		const number = (id) => (at(id).value === "" ? undefined : Number(at(id).value));
		body.temperature = number("temperature");
		body.top_p = number("top-p");
		body.max_tokens = number("tokens");
		// A string: seeds have 64 bits and numbers 53.
		body.seed = at("seed").value.trim() || undefined;
		return JSON.stringify(body);
	};

	// Hands every event of a stream to `take`, and reports whether the stream came to its end.
	const read = async (response, take) => {
		const reader = response.body.getReader();
		const decoder = new TextDecoder();
		let rest = "";
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return false;
			rest += decoder.decode(value, { stream: true });
			const events = rest.split("\n\n");
			rest = events.pop();
			for (const event of events) {
				for (const line of event.split("\n")) {
					if (!line.startsWith("data:")) continue;
					const data = line.slice(5).trim();
					if (data === "[DONE]") return true;
					take(JSON.parse(data));
				}
			}
		}
	};

	// Planck as BLY, to the last of their twelve places that is not zero.
	const coins = (planck) => {
		const digits = planck.toString().padStart(13, "0");
		const fraction = digits.slice(-12).replace(/0+$/, "");
		return `${digits.slice(0, -12)}${fraction ? `.${fraction}` : ""} BLY`;
	};

	const cost = (price, tokens) => (price * BigInt(tokens) + 999n) / 1000n;

	const headers = () => {
		const made = { "content-type": "application/json" };
		const key = at("key").value.trim();
		if (key) made.authorization = `Bearer ${key}`;
		return made;
	};

	// Shows what the message in the field would cost at most.
	const showPrice = async () => {
		if (!prices || prices.isFree || !model) return;
		const each = `${coins(prices.input)} per 1,000 tokens read, ${coins(prices.output)} per 1,000 written`;
		at("price").textContent = each;
		const text = at("text").value;
		if (!text.trim()) return;
		try {
			const response = await fetch("/v1/quote", {
				method: "POST",
				headers: headers(),
				body: request([...conversation, { role: "user", content: text }]),
			});
			if (!response.ok || at("text").value !== text) return;
			quoted = await response.json();
			const ceiling = coins(BigInt(quoted.ceiling));
			at("price").textContent = `at most ${ceiling} for this message (${quoted.prompt_tokens} tokens to read). ${each}`;
		} catch {
			// The price stays as it was; sending says what is wrong.
		}
	};

	const receipt = (note, id, charged) => {
		const link = element("a", "", charged === null ? "receipt" : `receipt, ${coins(charged)} charged`);
		link.href = `/v1/receipts/${encodeURIComponent(id)}`;
		link.download = `${id}.json`;
		link.title = `Checked by: blyan audit replay ${id}.json --model-dir DIR`;
		note.append(" · ", link);
	};

	const fail = (shown, message) => {
		shown.note.append(element("span", "wrong", ` ${message}`));
		at("status").textContent = "";
	};

	// Asks for an answer and shows it as it comes.
	const answer = async () => {
		const shown = show("assistant", "");
		running = new AbortController();
		let [text, usage, finish, first, failed, id, pieces, charged] = ["", null, null, 0, null, null, 0, null];
		const began = performance.now();
		const take = (chunk) => {
			if (chunk.error) failed = chunk.error.message;
			if (chunk.usage) usage = chunk.usage;
			const choice = chunk.choices && chunk.choices[0];
			if (!choice) return;
			finish = choice.finish_reason || finish;
			const more = choice.delta.content || "";
			if (!more) return;
			first = first || performance.now();
			pieces += 1;
			// A piece has a token or more, so this is the least; the receipt has the charge.
			if (prices && !prices.isFree) {
				const read = quoted ? BigInt(quoted.input_cost) : 0n;
				at("status").textContent = `answering, ${coins(read + cost(prices.output, pieces))} or more so far`;
			}
			text += more;
			shown.body.textContent = text;
			shown.article.scrollIntoView({ block: "end" });
		};
		try {
			const response = await fetch("/v1/chat/completions", {
				method: "POST",
				headers: headers(),
				body: request([...conversation]),
				signal: running.signal,
			});
			if (!response.ok) throw new Error(await reason(response));
			id = response.headers.get("x-blyan-receipt");
			at("status").textContent = "answering";
			const isWhole = await read(response, take);
			if (failed || !isWhole) throw new Error(failed || "the connection ended before the answer did");
			const seconds = (performance.now() - (first || began)) / 1000;
			const speed = usage.completion_tokens > 1 ? (usage.completion_tokens - 1) / Math.max(seconds, 1e-3) : 0;
			const known = usage.prompt_tokens_details ? usage.prompt_tokens_details.cached_tokens : 0;
			shown.note.textContent =
				`${usage.prompt_tokens} tokens read (${known} known), ${usage.completion_tokens} written` +
				(speed ? ` (${speed.toFixed(1)} a second)` : "") +
				(finish === "length" ? ", cut at its length" : "");
			if (usage.blyan) charged = BigInt(usage.blyan.charged);
			at("status").textContent = "";
		} catch (error) {
			if (error.name === "AbortError") {
				shown.note.textContent = "stopped";
				at("status").textContent = "";
			} else {
				fail(shown, error.message);
			}
		}
		running = null;
		if (id) receipt(shown.note, id, charged);
		if (text) conversation.push({ role: "assistant", content: text });
		return text !== "";
	};

	const busy = (isBusy) => {
		at("send").hidden = isBusy;
		at("stop").hidden = !isBusy;
		at("clear").disabled = isBusy;
	};

	const send = async () => {
		const text = at("text").value;
		if (running || !text.trim()) return;
		if (!model && !(await load())) return;
		at("text").value = "";
		conversation.push({ role: "user", content: text });
		show("user", text);
		busy(true);
		at("status").textContent = "reading";
		const isAnswered = await answer();
		// A question without any answer is taken back, so that the next one does not follow it.
		if (!isAnswered) {
			conversation.pop();
			if (!at("text").value) at("text").value = text;
		}
		busy(false);
		at("text").focus();
	};

	// Asks which model is served.
	const load = async () => {
		try {
			const response = await fetch("/v1/models");
			if (!response.ok) throw new Error(await reason(response));
			const [served] = (await response.json()).data;
			model = served.id;
			document.title = model;
			at("model").textContent = model;
			at("root").textContent = served.model_root;
			const asked = await fetch("/v1/quote");
			if (!asked.ok) throw new Error(await reason(asked));
			const found = await asked.json();
			prices = { input: BigInt(found.input), output: BigInt(found.output), isFree: found.is_free };
			at("key-label").hidden = prices.isFree;
			at("price").textContent = prices.isFree ? "FREE" : "";
			showPrice();
			at("status").textContent = "";
			return true;
		} catch (error) {
			at("status").textContent = `The server does not answer: ${error.message}`;
			return false;
		}
	};

	at("form").addEventListener("submit", (event) => {
		event.preventDefault();
		send();
	});
	at("text").addEventListener("keydown", (event) => {
		if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
			event.preventDefault();
			at("form").requestSubmit();
		}
	});
	let typing = 0;
	at("form").addEventListener("input", () => {
		clearTimeout(typing);
		typing = setTimeout(showPrice, 300);
	});
	at("stop").addEventListener("click", () => running && running.abort());
	at("clear").addEventListener("click", () => {
		conversation.length = 0;
		at("messages").replaceChildren();
		at("text").focus();
	});
	load();
})();
