import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countLine, describeReport, dropReason, emptyReport, filterOptions, noUsablePair } from '../../src/data/filter.js';

test('pairs are dropped for one reason, at the limits and not before', () => {
  const options = filterOptions.parse({ maximumLength: 50, maximumRatio: 3, balancedUpTo: 6 });
  assert.equal(dropReason(0, 5, options), 'empty');
  assert.equal(dropReason(5, 0, options), 'empty');
  assert.equal(dropReason(50, 50, options), undefined);
  assert.equal(dropReason(51, 50, options), 'long');
  assert.equal(dropReason(50, 51, options), 'long');
  assert.equal(dropReason(12, 4, options), undefined);
  assert.equal(dropReason(13, 4, options), 'unbalanced');
  assert.equal(dropReason(4, 13, options), 'unbalanced');
  assert.equal(dropReason(1, 6, options), undefined);
  assert.equal(dropReason(1, 7, options), 'unbalanced');
});

test('the report counts by reason and remembers the first line of each', () => {
  const report = emptyReport();
  countLine(report, 1, undefined);
  countLine(report, 2, 'long');
  countLine(report, 3, 'empty');
  countLine(report, 4, 'long');
  assert.equal(report.read, 4);
  assert.equal(report.kept, 1);
  assert.deepEqual(report.dropped.long, { count: 2, firstLine: 2 });
  assert.deepEqual(report.dropped.columns, { count: 0 });
  assert.equal(
    describeReport(report),
    'kept 1 of 4 pairs; dropped 1 empty on one side (first at line 3), 2 longer than data.maximumLength (first at line 2)',
  );
});

test('a report without drops says so in few words', () => {
  assert.equal(describeReport({ ...emptyReport(), read: 1234, kept: 1234 }), 'kept 1,234 of 1,234 pairs');
});

test('spaces for tabs are asked about, and the commonest reason decides what to do', () => {
  const report = emptyReport();
  countLine(report, 1, 'spaces');
  countLine(report, 2, 'spaces');
  countLine(report, 3, 'empty');
  assert.match(
    describeReport(report),
    /dropped 2 without a tab but with several spaces in a row \(first at line 1: are these spaces for tabs\?\), 1 empty/,
  );
  assert.match(
    noUsablePair('a.tsv', report).message,
    /^a\.tsv: no usable pair: .*Are these spaces for tabs\? Put one tab between source and target$/,
  );
  assert.match(noUsablePair('a.tsv', emptyReport()).message, /^a\.tsv: no lines; expected at least one pair\. Check the path$/);
});
