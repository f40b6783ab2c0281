# SPDX-License-Identifier: Apache-2.0
<#
.SYNOPSIS
Runs the checklist that no Linux machine can (docs/limits.md, "Windows") and prints a report in Markdown to paste into an issue.

.DESCRIPTION
On the load balancer: what is installed, the verifier (PREVAIL) on the object, the driver's signature, start, services, eBPF's own view, the switch of
modes, adoption by a second agent, unload. At two places it waits until the client's part was run and Enter is pressed. On the client: requests to the
virtual address. It starts an agent of its own instance, "verify", and takes its data plane away at the end; an agent that runs already is refused.

Nothing in it has been run on Windows by the project: where a step itself is at fault, say so in the issue.

.PARAMETER Role
LoadBalancer or Client.

.PARAMETER Device
Load balancer: friendly name of the adapter.

.PARAMETER Driver
Load balancer: the native driver made from build/fairlead-windows.o (docs/windows.md).

.PARAMETER Object
Load balancer: build/fairlead-windows.o itself, for the verifier.

.PARAMETER Frontend
The service's address and port.

.PARAMETER Backends
Load balancer: the backends' addresses and ports.

.EXAMPLE
.\verify.ps1 -Role LoadBalancer -Device ethernet -Driver .\fairlead-windows.sys -Object .\fairlead-windows.o > report.md

.EXAMPLE
.\verify.ps1 -Role Client -Frontend 40.1.1.1:80
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)]
    [ValidateSet('LoadBalancer', 'Client')]
    [string] $Role,

    [string] $Device = 'ethernet',

    [string] $Driver = 'fairlead-windows.sys',

    [string] $Object = 'fairlead-windows.o',

    [string] $Frontend = '40.1.1.1:80',

    [string] $Backends = '20.1.1.10:80,20.1.1.20:80,20.1.1.30:80,20.1.1.40:80'
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 3.0
$results = [Collections.Generic.List[object]]::new()

# Runs one step and keeps what it printed. $Expect: a pattern that the output has to match, beside an exit status of 0.
function Test-Step {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        [string] $Name,

        [Parameter(Mandatory)]
        [scriptblock] $Action,

        [string] $Expect = ''
    )

    $global:LASTEXITCODE = 0
    try {
        # What a program says of its faults belongs to the report, and is no fault of this script.
        $ErrorActionPreference = 'Continue'
        $output = (& $Action 2>&1 | Out-String).Trim()
        $isGood = $LASTEXITCODE -eq 0 -and $output -match $Expect
        $status = "exit status $LASTEXITCODE"
    } catch {
        $output = $_.Exception.Message
        $isGood = $false
        $status = 'not run to its end'
    }
    $results.Add([pscustomobject] @{ Name = $Name; Good = $isGood; Status = $status; Command = $Action.ToString().Trim(); Output = $output })
}

# One command to the agent of instance verify.
function Invoke-Fairlead {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, ValueFromRemainingArguments)]
        [string[]] $Word
    )

    fairlead.cmd '--instance=verify' @Word
}

# Whether an agent of instance verify answers.
function Test-Agent {
    [CmdletBinding()]
    [OutputType([bool])]
    param()

    # Windows PowerShell 5.1 makes errors of what a program writes to its standard error.
    $ErrorActionPreference = 'Continue'
    $null = Invoke-Fairlead status 2>&1
    $LASTEXITCODE -eq 0
}

# Waits for the client's part: its result is the client's own report.
function Wait-ForClient {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        [string] $Mode
    )

    $null = Read-Host -Prompt "Mode ${Mode}: run 'verify.ps1 -Role Client -Frontend $Frontend' on the client, then press Enter"
}

function Start-VerifyAgent {
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType([Diagnostics.Process])]
    param(
        [Parameter(Mandatory)]
        [string] $Log,

        # Flags beside those of every start.
        [string[]] $Flag = @()
    )

    if (-not $PSCmdlet.ShouldProcess($Device, 'Start the agent of instance verify')) {
        return
    }
    # npm makes a .cmd, which Start-Process cannot start by its name without the ending.
    $arguments = 'agent', '--instance=verify', "--device=$Device", "--bpf-object=$Driver", '--dsr-dispatch=l2'
    $quoted = @($arguments) + $Flag | ForEach-Object -Process { if ($_ -match '\s') { '"{0}"' -f $_ } else { $_ } }
    $agent = Start-Process -FilePath 'fairlead.cmd' -ArgumentList $quoted -PassThru -WindowStyle Hidden -RedirectStandardError $Log
    foreach ($second in 1..30) {
        Start-Sleep -Seconds 1
        if (Test-Agent) {
            Write-Verbose -Message "the agent answered after $second s"
            break
        }
    }
    $agent
}

# Ends the agent with its children, as a crash would: fairlead.cmd is a cmd.exe with a node.exe below.
function Stop-VerifyAgent {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Diagnostics.Process] $Agent
    )

    if ($null -ne $Agent -and $PSCmdlet.ShouldProcess("process $($Agent.Id)", 'End the agent')) {
        $null = taskkill.exe /PID $Agent.Id /T /F
    }
}

# N requests, each on a connection of its own, so that each is a flow.
function Send-Request {
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [int] $Count = 40
    )

    $separator = $Frontend.LastIndexOf(':')
    $address = $Frontend.Substring(0, $separator).Trim('[', ']')
    $port = [int] $Frontend.Substring($separator + 1)
    $request = [Text.Encoding]::ASCII.GetBytes("GET / HTTP/1.0`r`nHost: fairlead`r`n`r`n")
    $answered = 0
    foreach ($one in 1..$Count) {
        $client = [Net.Sockets.TcpClient]::new([ipaddress]::Parse($address).AddressFamily)
        try {
            if (-not $client.ConnectAsync($address, $port).Wait(3000)) {
                throw 'no answer within 3 s'
            }
            $stream = $client.GetStream()
            $stream.ReadTimeout = 3000
            $stream.Write($request, 0, $request.Length)
            if ($stream.ReadByte() -ge 0) {
                $answered += 1
            }
        } catch {
            Write-Verbose -Message "request ${one}: $($_.Exception.Message)"
        } finally {
            $client.Dispose()
        }
    }
    "$answered of $Count answered"
}

function Write-Report {
    [CmdletBinding()]
    [OutputType([string])]
    param()

    $good = @($results | Where-Object -Property Good).Count
    "## Fairlead on Windows: $Role, $good of $($results.Count) steps as expected"
    ''
    '| step | as expected | |'
    '|---|---|---|'
    foreach ($result in $results) {
        "| $($result.Name) | $(if ($result.Good) { 'yes' } else { '**no**' }) | $($result.Status) |"
    }
    foreach ($result in $results) {
        ''
        "### $($result.Name)"
        ''
        '````'
        "> $($result.Command)"
        $result.Output
        '````'
    }
}

if ($Role -eq 'Client') {
    Test-Step -Name 'requests' -Action { Send-Request } -Expect '^(\d+) of \1 answered$'
    Write-Report
    return
}

foreach ($file in $Driver, $Object) {
    if (-not (Test-Path -LiteralPath $file)) {
        throw "There is no ${file}: docs/windows.md says how it is made."
    }
}
$Driver = (Resolve-Path -LiteralPath $Driver).Path
$Object = (Resolve-Path -LiteralPath $Object).Path
if (Test-Agent) {
    throw 'An agent of instance verify runs already: end it first.'
}

Test-Step -Name 'machine' -Action { Get-CimInstance -ClassName Win32_OperatingSystem | Format-List -Property @('Caption', 'Version', 'OSArchitecture') } -Expect 'Windows'
Test-Step -Name 'eBPF for Windows' -Action { (Get-Item -Path "$env:WINDIR\System32\drivers\ebpfcore.sys", "$env:ProgramFiles\ebpf-for-windows\drivers\ebpfcore.sys" -ErrorAction SilentlyContinue).VersionInfo | Format-List -Property @('FileName', 'FileVersion') } -Expect '\d'
Test-Step -Name 'XDP for Windows' -Action { (Get-Item -Path "$env:WINDIR\System32\drivers\xdp.sys").VersionInfo | Format-List -Property @('FileName', 'FileVersion') } -Expect '\d'
Test-Step -Name 'signature of the driver' -Action { Get-AuthenticodeSignature -FilePath $Driver | Format-List -Property @('Status', 'StatusMessage', 'SignerCertificate') } -Expect 'Status'
Test-Step -Name 'verifier (PREVAIL)' -Action { netsh.exe ebpf show verification $Object } -Expect 'Verification succeeded'
Test-Step -Name 'doctor' -Action { fairlead.cmd doctor "--device=$Device" }

if (-not $PSCmdlet.ShouldProcess($Device, 'Attach the program, switch modes, and take it away again')) {
    Write-Report
    return
}
$log = New-TemporaryFile
$agent = Start-VerifyAgent -Log $log -Flag '--bpf-lb-mode=snat'
try {
    Test-Step -Name 'start' -Action { Invoke-Fairlead status } -Expect 'snat'
    Test-Step -Name 'service update' -Action { Invoke-Fairlead service update "--frontend=$Frontend" "--backends=$Backends" '--id=1' } -Expect 'service 1'
    Test-Step -Name 'netsh: programs' -Action { netsh.exe ebpf show programs } -Expect 'NATIVE\s+xdp\s+fairlead'
    Test-Step -Name 'netsh: maps' -Action { netsh.exe ebpf show maps } -Expect 'ct4'
    Test-Step -Name 'netsh: links' -Action { netsh.exe ebpf show links } -Expect '\d'
    Test-Step -Name 'next hops' -Action { Invoke-Fairlead neighbor list }
    Wait-ForClient -Mode 'snat'
    Test-Step -Name 'flows in SNAT' -Action { Invoke-Fairlead service dumpstate '--id=1' } -Expect 'snat'
    Test-Step -Name 'mode update dsr' -Action { Invoke-Fairlead mode update dsr } -Expect 'dsr'
    Wait-ForClient -Mode 'dsr'
    Test-Step -Name 'flows in DSR' -Action { Invoke-Fairlead service dumpstate '--id=1' } -Expect 'dsr'
    Stop-VerifyAgent -Agent $agent
    Test-Step -Name 'without an agent the program stays' -Action { netsh.exe ebpf show programs } -Expect 'NATIVE\s+xdp\s+fairlead'
    Wait-ForClient -Mode 'dsr, without an agent'
    # Without the flag it keeps the mode that it finds.
    $agent = Start-VerifyAgent -Log $log
    Test-Step -Name 'adopted: mode' -Action { Invoke-Fairlead mode get } -Expect 'dsr'
    Test-Step -Name 'adopted: flows' -Action { Invoke-Fairlead service dumpstate '--id=1' } -Expect 'dsr'
    Test-Step -Name 'counters' -Action { Invoke-Fairlead status }
    Test-Step -Name 'unload' -Action { Invoke-Fairlead unload }
    Test-Step -Name 'nothing is left' -Action { if ((netsh.exe ebpf show programs | Out-String) -match '\sfairlead\s*$') { 'left' } else { 'none' } } -Expect '^none$'
} finally {
    Stop-VerifyAgent -Agent $agent
    Test-Step -Name 'the agent''s log' -Action { Get-Content -LiteralPath $log }
    Write-Report
}
