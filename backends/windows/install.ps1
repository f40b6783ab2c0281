# SPDX-License-Identifier: Apache-2.0
<#
.SYNOPSIS
Makes this Windows machine a backend of Fairlead's DSR mode with L2 dispatch.

.DESCRIPTION
Puts the virtual addresses on a Microsoft KM-TEST loopback adapter of its own, where no other host can ask for them, and switches on weak host send and
receive, without which Windows drops packets for an address of another adapter. Servers (IIS or any other) are left alone: they have to listen on
the service's port, at all addresses or at the virtual one.

Run twice with the same arguments it changes nothing; with other addresses it changes what differs. uninstall.ps1 undoes it, also a run that failed
half way. What it sets stays over a restart. Needs an administrator and Windows Server 2022, or Windows 10 2004, or later (pnputil /remove-device).

Dispatch ipip is refused: to take an outer header off, a program has to move the frame's begin (bpf_xdp_adjust_head), and XDP for Windows has not
implemented that in any release so far. Use --dsr-dispatch=l2 on the load balancer, or SNAT, in which a backend needs nothing.

.PARAMETER InterfaceAlias
Adapter on which the load balancer's frames arrive: 'Ethernet'. Get-NetAdapter lists them.

.PARAMETER Vip
Virtual addresses that this backend serves, IPv4 and IPv6.

.PARAMETER Dispatch
How the load balancer forwards. Only l2 is possible on Windows.

.EXAMPLE
.\install.ps1 -InterfaceAlias Ethernet -Vip 40.1.1.1, 2001:db8:40::1

.EXAMPLE
.\install.ps1 -InterfaceAlias Ethernet -Vip 40.1.1.1 -WhatIf

Says what would be changed, and changes nothing.
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)]
    [ValidateNotNullOrEmpty()]
    [string] $InterfaceAlias,

    [Parameter(Mandatory)]
    [ValidateNotNullOrEmpty()]
    [string[]] $Vip,

    [ValidateSet('l2', 'ipip')]
    [string] $Dispatch = 'l2'
)

$ErrorActionPreference = 'Stop'
. (Join-Path -Path $PSScriptRoot -ChildPath 'common.ps1')
. (Join-Path -Path $PSScriptRoot -ChildPath 'loopback.ps1')

# Notes the values of weak host send and receive that were there before, for uninstall.ps1.
function Save-State {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory)]
        [object[]] $HostModel
    )

    if ($PSCmdlet.ShouldProcess($FairleadState, 'Note what was there before')) {
        $null = New-Item -Path (Split-Path -Path $FairleadState) -ItemType Directory -Force
        ConvertTo-Json -InputObject @{ hostModels = $HostModel } -Depth 4 | Set-Content -LiteralPath $FairleadState -Encoding utf8
    }
}

function Enable-WeakHost {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory)]
        [object] $HostModel
    )

    if ($HostModel.WeakHostSend -eq 'Enabled' -and $HostModel.WeakHostReceive -eq 'Enabled') {
        return
    }
    $what = "$($HostModel.InterfaceAlias), $($HostModel.AddressFamily)"
    if ($PSCmdlet.ShouldProcess($what, 'Enable weak host send and receive')) {
        $of = @{ InterfaceAlias = $HostModel.InterfaceAlias; AddressFamily = $HostModel.AddressFamily }
        Set-NetIPInterface @of -WeakHostSend Enabled -WeakHostReceive Enabled
        Write-Information -MessageData "weak host send and receive on: $what" -InformationAction Continue
    }
}

function Add-Vip {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory)]
        [ipaddress] $Address
    )

    $there = Get-NetIPAddress -IPAddress $Address.ToString() -ErrorAction SilentlyContinue
    $elsewhere = @($there | Where-Object -Property InterfaceAlias -NE -Value $FairleadAdapter)
    if ($elsewhere.Count -gt 0) {
        throw "$Address is on '$($elsewhere[0].InterfaceAlias)': this host would answer for it on the link. Remove it there first: Remove-NetIPAddress -IPAddress $Address"
    }
    if ($null -ne $there) {
        return
    }
    if ($PSCmdlet.ShouldProcess($FairleadAdapter, "Add $Address")) {
        $length = if ((Get-Family -Address $Address) -eq 'IPv6') { 128 } else { 32 }
        # SkipAsSource: this host begins no connection of its own from an address that the load balancer has as well.
        $null = New-NetIPAddress -InterfaceAlias $FairleadAdapter -IPAddress $Address.ToString() -PrefixLength $length -SkipAsSource $true
        Write-Information -MessageData "added: $Address on $FairleadAdapter" -InformationAction Continue
    }
}

if ($Dispatch -eq 'ipip') {
    throw 'Dispatch ipip cannot be taken off on Windows: bpf_xdp_adjust_head of XDP for Windows refuses (its issues 457 and 891). Use --dsr-dispatch=l2 on the load balancer, or SNAT.'
}
Assert-Elevated
$addresses = @($Vip | ForEach-Object -Process { ConvertTo-Vip -Text $_ } | Sort-Object -Property IPAddressToString -Unique)
$families = @($addresses | ForEach-Object -Process { Get-Family -Address $_ } | Sort-Object -Unique)
if ($InterfaceAlias -eq $FairleadAdapter -or $null -eq (Get-NetAdapter -Name $InterfaceAlias -ErrorAction SilentlyContinue)) {
    throw "There is no adapter '$InterfaceAlias' that frames arrive on. Get-NetAdapter lists the names."
}

# What can be refused is refused before anything is changed.
$outer = @($families | ForEach-Object -Process { Get-HostModel -InterfaceAlias $InterfaceAlias -AddressFamily $_ })
$before = Read-State
$known = @(if ($null -ne $before) { $before.hostModels })
$new = @($outer | Where-Object -FilterScript { $one = $_; -not ($known | Where-Object -FilterScript { $_.InterfaceAlias -eq $one.InterfaceAlias -and $_.AddressFamily -eq $one.AddressFamily }) })
if ($null -eq $before -or $new.Count -gt 0) {
    Save-State -HostModel @($known + $new)
}

$hasAdapter = $null -ne (Get-NetAdapter -Name $FairleadAdapter -ErrorAction SilentlyContinue)
if (-not $hasAdapter) {
    New-LoopbackAdapter -Name $FairleadAdapter -HardwareId $FairleadHardwareId
    # With -WhatIf there is none, and what would be done to it cannot be asked of it.
    $hasAdapter = $null -ne (Get-NetAdapter -Name $FairleadAdapter -ErrorAction SilentlyContinue)
}
$inner = @(if ($hasAdapter) { $families | ForEach-Object -Process { Get-HostModel -InterfaceAlias $FairleadAdapter -AddressFamily $_ } })
foreach ($model in $outer + $inner) {
    Enable-WeakHost -HostModel $model
}
foreach ($address in $addresses) {
    Add-Vip -Address $address
}
if ($hasAdapter) {
    Get-NetIPAddress -InterfaceAlias $FairleadAdapter -ErrorAction SilentlyContinue |
        Where-Object -FilterScript { $_.PrefixOrigin -eq 'Manual' -and $_.IPAddress -notin $addresses.IPAddressToString } |
        ForEach-Object -Process {
            if ($PSCmdlet.ShouldProcess($FairleadAdapter, "Remove $($_.IPAddress), which is not asked for any more")) {
                Remove-NetIPAddress -InputObject $_ -Confirm:$false
            }
        }
}

# Read back: what is said is what Windows has.
if (-not $WhatIfPreference) {
    foreach ($address in $addresses) {
        $state = (Get-NetIPAddress -InterfaceAlias $FairleadAdapter -IPAddress $address.ToString()).AddressState
        [pscustomobject] @{ Vip = $address.ToString(); Adapter = $FairleadAdapter; State = [string] $state }
    }
}
