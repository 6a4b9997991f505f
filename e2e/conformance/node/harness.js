'use strict';
// What the suites of Node.js have in common: a list of tests, run one after the other under a time limit, one line for each:
// "pass NAME", "fail NAME" or "skip NAME", then a tab and what happened.
const assert = require('node:assert/strict');

const timeMax = 90_000; // milliseconds for one test
const tests = [];

class Skip extends Error {}

function test(name, f) { tests.push([name, f]); }

function environment(name) {
  if (!process.env[name]) throw new Skip(`${name} is not set`);
  return process.env[name];
}

function sleep(ms) { return new Promise((resolve) => setTimeout(resolve, ms)); }

// fails awaits f, which must fail with a SQLSTATE, and returns its error.
async function fails(code, f) {
  let caught;
  try { await (typeof f === 'function' ? f() : f); } catch (e) { caught = e; }
  assert.ok(caught, `no error, want ${code}`);
  assert.equal(caught.code, code, `${caught.code} ${caught.message}`);
  return caught;
}

// until calls f until it is true, for ten seconds at most.
async function until(f) {
  for (let i = 0; i < 500; i++) {
    if (await f()) return;
    await sleep(20);
  }
  throw new Error('it does not come true');
}

async function main(done) {
  const prefixes = process.argv.slice(2);
  process.on('unhandledRejection', (e) => console.error('unhandled', e));
  for (const [name, f] of tests) {
    if (prefixes.length && !prefixes.some((p) => name.startsWith(p))) continue;
    let status = 'pass', detail = '', timer;
    try {
      await Promise.race([f(), new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('time is up')), timeMax); })]);
    } catch (e) {
      status = e instanceof Skip ? 'skip' : 'fail';
      const where = /suite\.js:(\d+)/.exec(e?.stack ?? '');
      detail = `${where ? `line ${where[1]}: ` : ''}${e?.code ?? ''} ${e?.message ?? e}`;
    }
    clearTimeout(timer);
    process.stdout.write(`${status} ${name}\t${detail.replace(/\s+/g, ' ').slice(0, 500)}\n`);
  }
  if (done) await done();
  process.exit(0);
}

module.exports = { assert, test, main, fails, until, sleep, environment, Skip };
