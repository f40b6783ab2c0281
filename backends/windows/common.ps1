# SPDX-License-Identifier: Apache-2.0
# What install.ps1 and uninstall.ps1 share: the adapter's name, the saved state, addresses, errors. Dot-sourced by both; does nothing by itself.
# Invariant: the state file holds what was there before the first install, and is written before anything is changed.

Set-StrictMode -Version 3.0

# agent/doctor/windows/remedies.ts has the same name.
$FairleadAdapter = 'fairlead-vip'
$FairleadHardwareId = '*msloop'
$FairleadState = Join-Path -Path $env:ProgramData -ChildPath 'Fairlead\backend.json'

function Assert-Elevated {
    [CmdletBinding()]
    param()

    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = [Security.Principal.WindowsPrincipal]::new($identity)
    if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        throw 'This needs an administrator: start PowerShell by "Run as administrator".'
    }
}

# The address in its canonical form. Throws when it is none, or none that many clients can share.
function ConvertTo-Vip {
    [CmdletBinding()]
    [OutputType([ipaddress])]
    param(
        [Parameter(Mandatory)]
        [string] $Text
    )

    $address = [ipaddress]::None
    # TryParse takes '40.1' for 40.0.0.1, and an IPv6 address with a zone; neither is meant here.
    $isWhole = $Text -match '^\d+\.\d+\.\d+\.\d+$' -or ($Text.Contains(':') -and -not $Text.Contains('%'))
    if (-not $isWhole -or -not [ipaddress]::TryParse($Text, [ref] $address)) {
        throw "VIP '$Text' is neither an IPv4 nor an IPv6 address."
    }
    $first = $address.GetAddressBytes()[0]
    if (-not $Text.Contains(':') -and ($first -eq 0 -or $first -ge 224)) {
        throw "VIP '$Text' is no address of one host (multicast, broadcast or 0.0.0.0/8)."
    }
    if ([ipaddress]::IsLoopback($address) -or $address.IsIPv6LinkLocal -or $address.IsIPv6Multicast -or $address.IsIPv4MappedToIPv6) {
        throw "VIP '$Text' is a loopback, link-local, multicast or mapped address: clients cannot reach it through a load balancer."
    }
    $address
}

function Get-Family {
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory)]
        [ipaddress] $Address
    )

    if ($Address.AddressFamily -eq [Net.Sockets.AddressFamily]::InterNetworkV6) { 'IPv6' } else { 'IPv4' }
}

# What install.ps1 noted, or nothing when it was not run.
function Read-State {
    [CmdletBinding()]
    param()

    if (Test-Path -LiteralPath $FairleadState) {
        Get-Content -LiteralPath $FairleadState -Raw | ConvertFrom-Json
    }
}

# Weak host send and receive of one interface and family, as 'Enabled' or 'Disabled'.
function Get-HostModel {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        [string] $InterfaceAlias,

        [Parameter(Mandatory)]
        [ValidateSet('IPv4', 'IPv6')]
        [string] $AddressFamily
    )

    $interface = Get-NetIPInterface -InterfaceAlias $InterfaceAlias -AddressFamily $AddressFamily -ErrorAction SilentlyContinue
    if ($null -eq $interface) {
        throw "$AddressFamily is off on '$InterfaceAlias': Enable-NetAdapterBinding -Name '$InterfaceAlias' -ComponentID $(if ($AddressFamily -eq 'IPv6') { 'ms_tcpip6' } else { 'ms_tcpip' })"
    }
    [pscustomobject] @{
        InterfaceAlias = $InterfaceAlias
        AddressFamily = $AddressFamily
        WeakHostSend = [string] $interface.WeakHostSend
        WeakHostReceive = [string] $interface.WeakHostReceive
    }
}
