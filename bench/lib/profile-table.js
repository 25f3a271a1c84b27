// The profile of an append as text.

const round = (value) => (value >= 100 ? String(Math.round(value)) : value.toFixed(1));

export function renderProfile({ calls, profiles }) {
  const parts = [
    table(
      ['one call after another', 'median µs', 'p99 µs'],
      calls.map(({ name, median, p99 }) => [name, round(median), round(p99)]),
    ),
  ];
  for (const { writers, rate, client, serverCpuUs, walBytes, statements } of profiles) {
    const title = writers === 1 ? 'one writer' : `${writers} writers`;
    parts.push(
      `${title}: ${Math.round(rate)} appends/s, CPU of the server ${serverCpuUs === undefined ? '–' : round(serverCpuUs)} µs an ` +
        `append, WAL ${round(walBytes)} bytes an append`,
      table(
        [`client, ${title}`, 'µs an append'],
        client.map(({ group, us }) => [group, round(us)]),
      ),
      table(
        [`server, ${title} (· inside a function)`, 'calls', 'µs', 'planning µs', 'blocks', 'WAL bytes'],
        statements.map(({ inside, statement, callsPerAppend, us, planUs, blocks, walBytes }) => [
          `${inside ? '· ' : ''}${statement.slice(0, 88)}`,
          callsPerAppend.toFixed(2),
          round(us),
          round(planUs),
          round(blocks),
          round(walBytes),
        ]),
      ),
    );
  }
  return parts.join('\n\n');
}

function table(header, lines) {
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  return [header, ...lines]
    .map((line) =>
      line
        .map((value, column) => (column === 0 ? value.padEnd(widths[0]) : value.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
