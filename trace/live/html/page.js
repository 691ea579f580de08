'use strict';
// Fetches the page again and again, and puts what is new in the place of what was.
(() => {
  const every = 1000 * document.body.dataset.every;
  if (!every) return;
  const status = document.getElementById('status'), said = document.getElementById('said');
  const pause = document.getElementById('pause');
  let paused = false, seen = Date.now(), timer = 0;

  const say = (state, text) => { status.className = state; said.textContent = text; };
  const selected = () => {
    const s = getSelection();
    return s && !s.isCollapsed && document.querySelector('main').contains(s.anchorNode);
  };
  const live = () => say('on', `every ${every / 1000} s`);

  async function look() {
    if (paused || document.hidden) return;
    if (selected()) { say('off', 'waits: something is selected'); return; }
    try {
      const answer = await fetch(location.href, {headers: {Accept: 'text/html'}, cache: 'no-store', signal: AbortSignal.timeout(10000)});
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${answer.status} ${text.slice(0, 200)}`);
      if (paused || selected()) return;
      const next = new DOMParser().parseFromString(text, 'text/html');
      for (const part of ['#about', 'main', 'footer']) {
        document.querySelector(part).replaceWith(next.querySelector(part));
      }
      document.title = next.title;
      seen = Date.now();
      live();
    } catch {
      say('lost', `no answer for ${Math.round((Date.now() - seen) / 1000)} s: what is below is old`);
    }
  }
  const again = async () => { await look(); timer = setTimeout(again, every); };

  pause.hidden = false;
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.textContent = paused ? 'Go on' : 'Pause';
    if (paused) { say('off', 'paused'); return; }
    live();
    clearTimeout(timer);
    again();
  });
  timer = setTimeout(again, every);
})();
