// Reads and writes keypair.json with the reference's wallet.
//
//   wallet.js import FILE PASSWORD_HEX            -> {publicKey, secretKey, mnemonic, derivationPath, address}
//   wallet.js export FILE PASSWORD_HEX MNEMONIC   -> the same, after writing FILE
//   wallet.js sign SECRET_KEY_HEX MESSAGE_HEX     -> {signature}
//
// The last line on standard output is one JSON object with the event "wallet".

const path = require('path')
const { pathToFileURL } = require('url')

async function main () {
  const [command, ...args] = process.argv.slice(2)
  const root = path.join(process.env.INTEROP_MODULES, 'trac-wallet')
  const entry = path.join(root, require(path.join(root, 'package.json')).main)
  const { default: Wallet } = await import(pathToFileURL(entry).href)
  console.log = () => {} // the wallet reports what it does on standard output

  if (command === 'sign') {
    const signature = Wallet.sign(Buffer.from(args[1], 'hex'), Buffer.from(args[0], 'hex'))
    return { signature: signature.toString('hex') }
  }
  const [file, password, mnemonic] = args
  const wallet = new Wallet(mnemonic ? { mnemonic } : {})
  await wallet.ready
  if (command === 'export') wallet.exportToFile(file, Buffer.from(password, 'hex'))
  else wallet.importFromFile(file, Buffer.from(password, 'hex'))
  return {
    publicKey: wallet.publicKey.toString('hex'),
    secretKey: wallet.secretKey.toString('hex'),
    mnemonic: wallet.mnemonic,
    derivationPath: wallet.derivationPath,
    address: wallet.address
  }
}

main().then(
  (result) => process.stdout.write(JSON.stringify({ event: 'wallet', ...result }) + '\n'),
  (error) => process.stdout.write(JSON.stringify({ event: 'wallet', error: error.message }) + '\n')
)
