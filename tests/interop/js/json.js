// Reads one line {"texts": [hex, ...]} and answers what JavaScript makes of each text:
// {"event": "json", "results": [{stringify, stable} or null for a refused text, ...]}.

function stable (value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return '[' + value.map(stable).join(',') + ']'
  return '{' + Object.keys(value).sort().map((key) => JSON.stringify(key) + ':' + stable(value[key])).join(',') + '}'
}

function read (hex) {
  try {
    const value = JSON.parse(Buffer.from(hex, 'hex').toString())
    return { stringify: JSON.stringify(value), stable: stable(value) }
  } catch {
    return null
  }
}

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(JSON.stringify({ event: 'json', results: JSON.parse(line).texts.map(read) }) + '\n')
})
