#!/usr/bin/env python3
"""A playbook of so many steps on stdout: what reading, checking and planning are measured with.
usage: steps.py COUNT"""
import sys

print("muster: 1\nplaybook: large\ninputs:\n  host: {type: string, default: app}\nphases:\n  - id: all\n    steps:")
for number in range(int(sys.argv[1])):
    print(f"""      - id: step_{number}
        title: Step number {number}
        when: inputs.host ~= "none"
        shell:
          argv: [echo, "${{{{ inputs.host }}}}", "{number}"]
        timeout: 30s
        retry: {{attempts: 3, delay: 1s}}
        effect: read""")
