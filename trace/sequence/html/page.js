'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($('data').textContent);
  const view = $('view'), body = $('body'), head = $('head');
  const [width, startHeight] = [body.width.baseVal.value, body.height.baseVal.value];

  // One entry per row that is shown, in order; the members of an unfolded row
  // follow it. A row's own entry keeps its number of the drawing.
  const times = [...$('times').querySelectorAll('text')];
  const rows = data.rows.map((d, i) => ({ d, i, g: $('r' + i), time: times[i], y: 0 }));
  const own = rows.slice();
  let shown = rows;
  let zoom = 1;
  let height = startHeight;

  // Where rows are, and what hangs on them. The numbers come from the drawing.
  function place() {
    const linear = $('linear').checked, focus = $('focus').checked;
    const open = (r) => !focus || r === here || /\b(block|wake|failure)\b/.test(r.g.getAttribute('class'));
    let bottom = 10;
    for (const r of shown) {
      r.open = open(r);
      r.top = linear ? data.top + r.d.t * data.linear - r.d.a : bottom + (r.open ? r.d.c : 0);
      r.y = r.top + (r.open || linear ? r.d.a : 0);
      if (r.open || linear) bottom = Math.max(bottom, r.top + r.d.h);
      r.g.setAttribute('transform', `translate(0 ${r.y})`);
      r.time.setAttribute('y', r.y + 4);
    }
    if (linear) crowd();
    $('crowded').hidden = !linear;
    let lastTime = -20;
    for (const r of shown) {
      r.g.classList.toggle('closed', !r.open);
      r.g.classList.remove('crowded');
      const told = r.open && r.y - lastTime >= 13;
      if (told && r.time.textContent) lastTime = r.y;
      r.time.classList.toggle('closed', !told);
    }
    height = bottom + 16;
    for (const e of body.querySelectorAll('[data-from]')) {
      const from = own[+e.dataset.from], to = own[+e.dataset.to];
      if (e.classList.contains('rail')) {
        e.setAttribute('y2', to.y + (to.g.classList.contains('end') ? 0 : 10));
      } else if (e.classList.contains('rounds')) {
        e.setAttribute('y', from.top + 4);
      } else if (e.classList.contains('frame')) {
        e.setAttribute('y', from.top);
        e.setAttribute('height', to.top + to.d.h - from.top);
      } else {
        e.setAttribute('y', from.y);
        e.setAttribute('height', Math.max(to.y - from.y, 3));
      }
    }
    ruler();
    scale(zoom);
  }

  // Where time is linear rows are where their time is, and those for which there is no
  // room beside more telling ones are closed.
  function crowd() {
    const placed = [];
    let left = 0;
    for (const r of [...shown].sort((a, b) => a.d.p - b.d.p)) {
      if (!r.open) continue;
      r.open = r === here || r.d.p >= 0 && !placed.some((q) => r.d.l < q.d.r && q.d.l < r.d.r && r.top < q.top + q.d.h && q.top < r.top + r.d.h);
      if (r.open) placed.push(r);
      else left++;
    }
    $('crowded').textContent = left ? `${left.toLocaleString('en')} rows left out, for which there is no room where time is linear` : '';
  }

  // The ruler has a tick at each round time. Time runs evenly from one row to the
  // next, and differently between others.
  function draw(parent, tag, attributes, text) {
    const e = document.createElementNS(body.namespaceURI, tag);
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
    if (text) e.textContent = text;
    parent.append(e);
    return e;
  }

  // The round time that is not shorter: 1, 2 or 5 of a power of ten, in ns.
  function round(ns) {
    const unit = 10 ** Math.floor(Math.log10(ns));
    return unit * [1, 2, 5, 10].find((n) => n * unit >= ns * 0.999999);
  }

  const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];

  function moment(ns, digits) {
    if (ns >= 60e9) return `+${Math.floor(ns / 60e9)}m${+((ns % 60e9) / 1e9).toFixed(1)}s`;
    const [unit, name] = units.find(([u]) => ns >= u) || units[3];
    return ns < 1 ? '0' : `+${+(ns / unit).toPrecision(digits)} ${name}`;
  }

  function ruler() {
    const marks = $('ruler'), grid = $('grid'), linear = $('linear').checked;
    marks.replaceChildren();
    grid.replaceChildren();
    if (!data.length || own.length < 2) return;
    const right = data.left - 1, end = own[own.length - 1];
    draw(marks, 'line', { class: 'axis', x1: right, x2: right, y1: own[0].y, y2: end.y });
    const step = round(Math.max((data.length * 56) / Math.max(end.y - own[0].y, 56), 1));
    const taken = shown.filter((r) => r.time.textContent && !r.time.classList.contains('closed')).map((r) => r.y);
    for (let i = 1; i < own.length; i++) {
      const [a, b] = [own[i - 1], own[i]];
      const [from, to] = [a.d.t * data.length, b.d.t * data.length];
      if (to <= from) continue;
      // Where the rows leave little room, only rounder times.
      const each = round(Math.max(step, ((to - from) * 9) / (b.y - a.y)));
      for (let n = Math.floor(from / each) + 1; n * each <= to; n++) {
        const y = a.y + ((n * each - from) / (to - from)) * (b.y - a.y);
        draw(marks, 'line', { class: 'tick', x1: right - 5, x2: right, y1: y, y2: y });
        if (linear) draw(grid, 'line', { x1: data.left, x2: width, y1: y, y2: y });
        if (taken.some((other) => Math.abs(other - y) < 15)) continue;
        taken.push(y);
        draw(marks, 'text', { class: 'time at', x: data.left - 8, y: y + 4 }, moment(n * each, 12));
      }
    }
  }

  // The time at the pointer.
  function cursor(e) {
    const at = $('cursor'), y = e ? (e.clientY - body.getBoundingClientRect().top) / zoom : -1;
    at.replaceChildren();
    const i = own.findIndex((r) => r.y >= y);
    if (i < 1 || y < 0 || !data.length) return;
    const [a, b] = [own[i - 1], own[i]];
    const t = a.d.t + ((b.d.t - a.d.t) * (y - a.y)) / (b.y - a.y);
    draw(at, 'rect', { x: 0, y: y - 9, width: data.left - 1, height: 18, rx: 3 });
    draw(at, 'text', { class: 'time', x: data.left - 8, y: y + 4 }, moment(t * data.length, 4));
  }

  function scale(z) {
    zoom = Math.min(Math.max(z, 0.2), 4);
    body.setAttribute('viewBox', `0 0 ${width} ${height}`);
    body.setAttribute('width', width * zoom);
    body.setAttribute('height', height * zoom);
    head.setAttribute('width', width * zoom);
    head.setAttribute('height', data.head * zoom);
    $('fit').textContent = Math.round(zoom * 100) + ' %';
    follow();
  }

  // The times stay at the left while the rest scrolls sideways.
  function follow() {
    $('times').setAttribute('transform', `translate(${view.scrollLeft / zoom} 0)`);
  }

  // Zoom with a point of the view kept where it is.
  function zoomTo(z, x = view.clientWidth / 2, y = view.clientHeight / 2) {
    const at = [(view.scrollLeft + x) / zoom, (view.scrollTop + y) / zoom];
    scale(z);
    view.scrollLeft = at[0] * zoom - x;
    view.scrollTop = at[1] * zoom - y;
  }

  // Details.
  let here = null;

  function make(tag, text, ...children) {
    const e = document.createElement(tag);
    if (text) e.textContent = text;
    e.append(...children);
    return e;
  }

  function spanDetails(s, open) {
    const list = make('dl');
    for (const [key, value] of s.a) list.append(make('dt', key), make('dd', value));
    const box = make('details', '', make('summary', '', make('b', s.n), make('span', `  ${s.v}  ${s.t}  ${s.d}`)), list);
    box.open = open;
    return box;
  }

  function select(r) {
    if (here) here.g.classList.remove('here');
    here = r;
    $('details').hidden = !r;
    if (!r) return;
    r.g.classList.add('here');
    if (!r.open) place();
    const facts = $('facts');
    facts.replaceChildren(make('h3', r.d.n), make('p', r.d.w));
    r.d.s.forEach((s, i) => facts.append(spanDetails(s, i < 3)));
    if (r.d.more) facts.append(make('p', `… and ${r.d.more.toLocaleString('en')} more spans, which this page does not hold`));
  }

  function jump(i) {
    const r = own[i];
    select(r);
    view.scrollTo({ top: r.y * zoom - view.clientHeight / 3, behavior: 'smooth' });
  }

  // Folding.
  function member(r, s, more) {
    const g = r.g.cloneNode(true);
    g.removeAttribute('id');
    g.classList.remove('here', 'found');
    g.classList.add('member');
    g.querySelector('.what').textContent = more || s.l;
    for (const e of g.querySelectorAll('.more, .fold')) e.remove();
    const time = r.time.cloneNode();
    time.textContent = more ? '' : s.t;
    const d = { ...r.d, c: 0, t: more ? 0 : s.at, f: 0, n: more || s.l, w: r.d.w, s: s ? [s] : [], more: 0 };
    r.g.parentNode.insertBefore(g, r.g.nextSibling);
    r.time.parentNode.append(time);
    const m = { d, g, time, y: 0 };
    listen(m);
    return m;
  }

  function toggle(r) {
    if (r.members) {
      for (const m of r.members) {
        if (here === m) select(null);
        m.g.remove();
        m.time.remove();
      }
      r.members = null;
    } else {
      r.members = r.d.m.map((s) => member(r, s));
      const rest = r.d.f - r.d.m.length;
      if (rest > 0) r.members.push(member(r, null, `… ${rest.toLocaleString('en')} more`));
    }
    r.g.querySelector('.fold').textContent = r.members ? '▾ ' : '▸ ';
    shown = own.flatMap((o) => (o.members ? [o, ...o.members] : [o]));
    place();
  }

  // What the browser shows when the pointer rests on a row.
  function hint(r) {
    const lines = [r.d.n, r.d.w];
    if (r.d.s.length) lines.push('', ...r.d.s[0].a.slice(0, 12).map(([key, value]) => `${key}: ${value}`));
    r.g.querySelector('title').textContent = lines.join('\n');
  }

  function listen(r) {
    r.g.addEventListener('pointerenter', () => hint(r), { once: true });
    r.g.addEventListener('click', (e) => {
      if (dragged) return;
      if (e.target.classList.contains('fold')) toggle(r);
      else select(here === r ? null : r);
    });
    r.g.addEventListener('dblclick', () => r.d.f && toggle(r));
    r.g.addEventListener('keydown', (e) => {
      if (e.key === 'Enter') select(here === r ? null : r);
      if (e.key === ' ' && r.d.f) toggle(r);
      if (e.key === ' ') e.preventDefault();
    });
  }

  // Searching.
  let hits = [], hit = -1;
  const searched = $('hits').textContent; // what of the spans the page has, if not all
  const text = own.map((r) => [r.d.n, ...r.d.s.flatMap((s) => [s.n, s.v, ...s.a.flat()])].join('\n').toLowerCase());

  function search() {
    const q = $('search').value.trim().toLowerCase();
    hits = q ? own.filter((r) => text[r.i].includes(q)).map((r) => r.i) : [];
    hit = -1;
    const found = new Set(hits);
    for (const r of own) r.g.classList.toggle('found', found.has(r.i));
    $('hits').textContent = [q ? `${hits.length} found` : '', searched].filter(Boolean).join(', ');
  }

  function next(step) {
    if (!hits.length) return;
    hit = (hit + step + hits.length) % hits.length;
    $('hits').textContent = `${hit + 1} / ${hits.length}`;
    jump(hits[hit]);
  }

  // Panning.
  let held = null, dragged = false;
  view.addEventListener('pointerdown', (e) => {
    if (e.button !== 0 || e.pointerType !== 'mouse') return;
    held = { x: e.clientX, y: e.clientY, left: view.scrollLeft, top: view.scrollTop };
    dragged = false;
  });
  window.addEventListener('pointermove', (e) => {
    if (!held) return;
    const [dx, dy] = [e.clientX - held.x, e.clientY - held.y];
    if (Math.abs(dx) + Math.abs(dy) > 4) dragged = true;
    if (!dragged) return;
    view.classList.add('held');
    view.scrollLeft = held.left - dx;
    view.scrollTop = held.top - dy;
  });
  window.addEventListener('pointerup', () => {
    held = null;
    view.classList.remove('held');
    setTimeout(() => { dragged = false; }); // after the click that ends a drag
  });

  view.addEventListener('scroll', follow);
  view.addEventListener('pointermove', (e) => cursor(e.pointerType === 'mouse' ? e : null));
  view.addEventListener('pointerleave', () => cursor(null));
  view.addEventListener('wheel', (e) => {
    if (!e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    const box = view.getBoundingClientRect();
    zoomTo(zoom * Math.exp(-e.deltaY / 300), e.clientX - box.left, e.clientY - box.top);
  }, { passive: false });

  $('in').addEventListener('click', () => zoomTo(zoom * 1.25));
  $('out').addEventListener('click', () => zoomTo(zoom / 1.25));
  $('fit').addEventListener('click', () => zoomTo(1));
  $('close').addEventListener('click', () => select(null));
  $('linear').addEventListener('change', place);
  $('focus').addEventListener('change', place);
  $('search').addEventListener('input', search);
  $('search').addEventListener('keydown', (e) => {
    if (e.key === 'Enter') next(e.shiftKey ? -1 : 1);
  });
  for (const b of document.querySelectorAll('.finding')) b.addEventListener('click', () => jump(+b.dataset.row));
  window.addEventListener('keydown', (e) => {
    if (e.key === 'Escape') select(null);
    if (e.target.tagName === 'INPUT' || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === '/') { e.preventDefault(); $('search').focus(); }
    if (e.key === '+' || e.key === '=') zoomTo(zoom * 1.25);
    if (e.key === '-') zoomTo(zoom / 1.25);
    if (e.key === '0') zoomTo(1);
  });

  for (const r of own) listen(r);
  place();
  document.documentElement.dataset.ready = 'yes';
})();
