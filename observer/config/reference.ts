// SPDX-License-Identifier: Apache-2.0
// node observer/config/reference.ts > docs/configuration.md

import { DEFAULT_CONFIG_PATH } from './file.ts'
import { FILE_VARIABLE } from './layers.ts'
import { SETTINGS, type Setting, shown } from './settings.ts'

const INTRODUCTION = `# Configuration

Generated from observer/config/schema.ts by \`node observer/config/reference.ts\`: change it there.

Every setting can be given in three places. A flag wins over an environment variable, an environment variable
over the file, and the file over the default.

- **File**: YAML, \`${DEFAULT_CONFIG_PATH}\` if it is there, another one with \`--config\` or \`${FILE_VARIABLE}\`. Groups are nested:

  \`\`\`yaml
  strict: true
  manifest:
    directory: /srv/manifests
  \`\`\`
- **Environment**: \`SLUICE_\` and the name in capitals, words apart by \`_\` and groups by \`__\`:
  \`SLUICE_MANIFEST__DIRECTORY=/srv/manifests\`. Lists are apart by commas.
- **Flag**: \`--manifest.directory /srv/manifests\`. Lists are apart by commas; \`--strict\` alone is \`--strict true\`.

A name that no setting has is an error, in the file and in the environment; so is a value that a setting does not
accept. All errors are told at once, each with the place that it came from. Variables that Kubernetes makes for
Services called \`sluice\` or \`sluice-*\` (\`SLUICE_SERVICE_HOST\`, \`SLUICE_PORT\`...) are ignored.

Durations are a number and a unit, \`ms\`, \`s\`, \`m\` or \`h\`: \`250ms\`, \`1.5s\`. Numbers may be hexadecimal.

## Settings
`

function section(setting: Setting): string {
  const { key, variable, flag, description, accepted, fallback, hex } = setting
  const value = fallback === undefined ? 'unset' : `\`${shown(fallback, hex)}\``
  return `### ${key}

${description}

- Default: ${value}
- Accepts ${accepted}
- \`${variable}\`, \`${flag}\`
`
}

export function configurationReference(): string {
  return [INTRODUCTION, ...SETTINGS.map(section)].join('\n')
}

if (import.meta.main) process.stdout.write(configurationReference())
