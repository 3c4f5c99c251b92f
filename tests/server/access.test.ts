import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiKeys, Doors, keysIn, RateLimit } from '../../src/server/access.js';
import { Refusal } from '../../src/server/refusal.js';

const is = (status: number) => (error: unknown) => error instanceof Refusal && error.status === status;

describe('who may call', () => {
  test('keys are whole and exact', () => {
    const keys = new ApiKeys(['first-key', 'second-key']);
    assert.ok(keys.isRequired && keys.has('first-key') && keys.has('second-key'));
    for (const wrong of ['', 'first-ke', 'first-key ', 'FIRST-KEY']) assert.ok(!keys.has(wrong), wrong);
    assert.ok(!new ApiKeys([]).isRequired);
  });

  test('a file of keys is read line by line; what is no key is told by its line, and never shown', () => {
    assert.deepEqual(keysIn('keys.txt', '\ufeff# ours\r\nfirst-key\r\n\r\n second-key \n'), ['first-key', 'second-key']);
    for (const [text, message] of [
      ['first-key\nshort-1', /keys\.txt: line 2: a key of 7 characters/],
      ['first-key\nsecret key of mine', /line 2: a key with spaces/],
      ['secr\ufffdet-key', /line 1: .*beyond ASCII/],
      ['# none\n', /no keys.*Leave out --keys/],
    ] as const) {
      const error = (() => {
        try {
          return keysIn('keys.txt', text).join();
        } catch (thrown) {
          return (thrown as Error).message;
        }
      })();
      assert.match(error, message);
      assert.doesNotMatch(error, /short-1|secret/);
    }
  });

  test('on loopback a name of another is a rebound one', () => {
    const doors = new Doors({ host: '127.0.0.1', allowedHosts: ['translate.local'], allowedOrigins: ['https://page.example'] });
    assert.equal(doors.check('localhost:5000', undefined), undefined);
    assert.equal(doors.check('[::1]:5000', undefined), undefined);
    assert.equal(doors.check('translate.local', 'https://page.example'), 'https://page.example');
    assert.equal(doors.check('localhost:5000', 'http://localhost:5000'), 'http://localhost:5000');
    assert.throws(() => doors.check('evil.example', undefined), is(421));
    assert.throws(() => doors.check('localhost:5000', 'https://evil.example'), is(403));
    assert.throws(() => doors.check('localhost:5000', 'http://localhost:1'), is(403));
    const other = new Doors({ host: '127.0.0.2', allowedHosts: [], allowedOrigins: [] });
    assert.equal(other.check('127.0.0.2:5000', undefined), undefined);
    assert.throws(() => other.check('evil.example', undefined), is(421));
  });

  test('a client has a minute’s worth, which fills up again; others are not slowed', () => {
    let now = 0;
    const rate = new RateLimit(60, () => now);
    rate.take('a', 50);
    assert.throws(
      () => rate.take('a', 20),
      (error) => is(429)(error) && (error as Refusal).retryAfter === 10,
    );
    rate.take('b', 60);
    now = 10_000;
    rate.take('a', 20);
    assert.throws(() => rate.take('a', 1), is(429));
  });
});
