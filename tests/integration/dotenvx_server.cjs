// Answers one JSON line per JSON line with what dotenvx's own code makes of some env files: starting the command takes
// 300 ms, asking it here 2. Called with the folder of the installed npm package @dotenvx/dotenvx.
const { config } = require(process.argv[2])
const readline = require('node:readline')

readline.createInterface({ input: process.stdin }).on('line', line => {
  const { path, env } = JSON.parse(line)
  const options = { path, processEnv: env, envKeysFile: 'none.keys', quiet: true, noArmor: true, noNative: true }
  const { parsed, error } = config({ ...options, no1Password: true, noBitwarden: true })
  const values = Object.fromEntries(Object.keys(parsed).map(name => [name, env[name]]))
  process.stdout.write(JSON.stringify({ values, error: error ? error.code : null }) + '\n')
})
